"""Texts as tokens with code-point offsets, in overlapping windows where they are too long, and put together again.

Fast tokenizers answer with code-point offsets for Python strings, whatever they do to the bytes inside: several tokens
of one emoji share its range, and a leading space belongs to the token of byte-level models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import regex  # type: ignore[import-untyped]

from labelwheel.training.errors import InvalidJob
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.span_edges import GRAPHEME

Offsets = tuple[int, int]

_PICTURES = regex.compile(r"\p{Extended_Pictographic}|\p{Regional_Indicator}")


def encode(texts: Sequence[str], tokenizer: Any, max_length: int) -> list[Encoding]:
    """The windows of each text, in order; a text without tokens gives none. Raises InvalidJob for a slow tokenizer."""
    if not getattr(tokenizer, "is_fast", False):
        raise InvalidJob("spans need a fast tokenizer, which knows the place of each token; take another base model")
    if not texts:
        return []
    prefix, suffix = special_tokens(tokenizer)
    body = max_length - len(prefix) - len(suffix)
    if body < 2:
        raise InvalidJob(f"max_length {max_length} leaves no room for a text; take a greater one")
    batch = _tokens(list(texts), tokenizer)
    encodings = []
    for index, text in enumerate(texts):
        ids, offsets = _without_glued_pictures(
            text, batch["input_ids"][index], batch["offset_mapping"][index], tokenizer
        )
        for start in _starts(len(ids), body):
            window = slice(start, start + body)
            frame = [(0, 0)] * len(prefix), [(0, 0)] * len(suffix)
            encodings.append(
                Encoding(
                    example=index,
                    input_ids=[*prefix, *ids[window], *suffix],
                    offsets=[*frame[0], *offsets[window], *frame[1]],
                )
            )
    return encodings


def merge(windows: Sequence[tuple[Sequence[Offsets], np.ndarray]]) -> tuple[list[Offsets], np.ndarray]:
    """One text's windows (offsets, logits) as one sequence, special tokens left out.

    Each token is taken from the window in which it has most context on both sides; the text's own ends count as enough.
    """
    bodies = []
    for offsets, logits in windows:
        inside = [index for index, (start, end) in enumerate(offsets) if start < end]
        bodies.append(([offsets[index] for index in inside], logits[inside]))
    if len(bodies) == 1:
        return bodies[0]
    step = _step(len(bodies[0][0]))
    cuts = [0]
    for number, (offsets, _) in enumerate(bodies[:-1]):
        # the middle of what this window and the next one share
        shared = number * step + len(offsets) - (number + 1) * step
        cuts.append((number + 1) * step + shared // 2)
    cuts.append((len(bodies) - 1) * step + len(bodies[-1][0]))
    merged: list[Offsets] = []
    rows = []
    for number, (offsets, logits) in enumerate(bodies):
        window = slice(cuts[number] - number * step, cuts[number + 1] - number * step)
        merged += offsets[window]
        rows.append(logits[window])
    return merged, np.concatenate(rows)


def _tokens(texts: list[str], tokenizer: Any) -> Any:
    return tokenizer(
        texts, add_special_tokens=False, return_offsets_mapping=True, truncation=False, padding=False, verbose=False
    )


def special_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The special tokens before and after a text."""
    row = tokenizer("a", return_special_tokens_mask=True, truncation=False, padding=False)
    inside = [index for index, special in enumerate(row["special_tokens_mask"]) if not special]
    first, last = (inside[0], inside[-1] + 1) if inside else (len(row["input_ids"]),) * 2
    return list(row["input_ids"][:first]), list(row["input_ids"][last:])


def _step(body: int) -> int:
    return max(1, body - body // 4)


def _starts(tokens: int, body: int) -> Iterator[int]:
    start = 0
    while start < tokens:
        yield start
        if start + body >= tokens:
            return
        start += _step(body)


def _without_glued_pictures(
    text: str, ids: Sequence[int], offsets: Sequence[Offsets], tokenizer: Any
) -> tuple[list[int], list[Offsets]]:
    """WordPiece turns a word with an emoji stuck to it into one unknown token; the word is read without the emoji."""
    found_ids: list[int] = []
    found: list[Offsets] = []
    for token, (start, end) in zip(ids, offsets, strict=True):
        glued = token == tokenizer.unk_token_id and end - start > 1 and _PICTURES.search(text, start, end)
        pieces = _pieces(text, start, end) if glued else []
        if len(pieces) < 2:
            if start < end:
                found_ids.append(token)
                found.append((start, end))
            continue
        rows = _tokens([text[low:high] for low, high in pieces], tokenizer)
        for (low, _), piece_ids, piece_offsets in zip(pieces, rows["input_ids"], rows["offset_mapping"], strict=True):
            placed = [
                (token, edges) for token, edges in zip(piece_ids, piece_offsets, strict=True) if edges[0] < edges[1]
            ]
            found_ids += [token for token, _ in placed]
            found += [(low + first, low + last) for _, (first, last) in placed]
    return found_ids, found


def _pieces(text: str, start: int, end: int) -> list[Offsets]:
    """Each picture for itself, and what stands between them."""
    pieces: list[Offsets] = []
    picture_before = True
    for match in GRAPHEME.finditer(text, start, end):
        picture = bool(_PICTURES.search(match.group()))
        if picture or picture_before:
            pieces.append(match.span())
        else:
            pieces[-1] = (pieces[-1][0], match.end())
        picture_before = picture
    return pieces
