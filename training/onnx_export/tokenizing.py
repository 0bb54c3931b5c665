"""Reads texts as a transformers tokenizer does, with the tokenizers library alone.

A server that serves graphs imports neither torch nor transformers then, which take 240 MB and some seconds. A job makes
sure at its end that every row comes out the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labelwheel.training.checkpoints.checkpoint import Words
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.kinds import span_windows
from labelwheel.training.model import pad_token

FILE = "tokenizer.json"

PROBES = (
    "Where is my parcel?", "WHERE is my   parcel\n\t?", "Größe, naïve café, ΑΒΓ", "a [SEP] b [MASK] <s> </s> <pad>",
    "👩🏽‍💻 works👍well", "你好，世界", "x" * 300, "one two three " * 400, "\u200b", "-", "'s e-mail@example.org http://a.b/c?d=e",
)  # fmt: skip
"""What tokenizers are known to differ in: case, accents, white space, special tokens, pictures, long texts."""


class Reader:
    """What the learners call of a transformers tokenizer. Never changes, so that any thread may call it."""

    is_fast = True

    def __init__(self, tokenizer: Any, words: Words) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self.pad_token_id, self.unk_token_id = words.pad, words.unknown
        self._behind = len(span_windows.special_tokens(self)[1])

    @classmethod
    def load(cls, folder: Path, words: Words) -> Reader:
        """Raises InvalidCheckpoint."""
        import tokenizers

        try:
            return cls(tokenizers.Tokenizer.from_file(str(folder / FILE)), words)
        except Exception as error:  # the library raises Exception itself
            line = (str(error).splitlines() or [type(error).__name__])[0]
            raise InvalidCheckpoint(f"{folder} cannot be loaded ({line}); roll back or train anew") from error

    def __call__(
        self,
        texts: str | Sequence[str],
        *,
        truncation: bool = False,
        max_length: int | None = None,
        add_special_tokens: bool = True,
        return_offsets_mapping: bool = False,
        return_special_tokens_mask: bool = False,
        padding: bool = False,
        verbose: bool = False,
    ) -> Mapping[str, Any]:
        """Rows by name, as transformers gives them without padding; for one text, the row alone."""
        batch = [texts] if isinstance(texts, str) else list(texts)
        read = self._tokenizer.encode_batch if return_offsets_mapping else self._tokenizer.encode_batch_fast
        rows = read(batch, add_special_tokens=add_special_tokens)
        most = max_length if truncation else None
        found: dict[str, list[Any]] = {"input_ids": [self._cut(row.ids, most) for row in rows]}
        if return_offsets_mapping:
            found["offset_mapping"] = [self._cut(row.offsets, most) for row in rows]
        if return_special_tokens_mask:
            found["special_tokens_mask"] = [self._cut(row.special_tokens_mask, most) for row in rows]
        return {name: each[0] for name, each in found.items()} if isinstance(texts, str) else found

    def _cut(self, row: list[Any], most: int | None) -> list[Any]:
        """The library would cut too, but only in a mode of its own, which no other thread may be in meanwhile."""
        if most is None or len(row) <= most:
            return row
        return row[: most - self._behind] + row[len(row) - self._behind :]


def words(tokenizer: Any, labels: Mapping[int, str]) -> Words:
    """What is to be known beside the tokenizer's file."""
    names = tuple(labels[index] for index in range(len(labels)))
    return Words(pad=pad_token(tokenizer), unknown=tokenizer.unk_token_id, labels=names)


def alike(tokenizer: Any, reader: Reader, texts: Sequence[str], max_length: int) -> bool:
    """Whether both give the same rows of the texts and of the probes, whole and cut, with and without offsets."""
    asked = [*PROBES, *texts]
    ways: list[dict[str, Any]] = [
        {"truncation": True, "max_length": max_length, "padding": False},
        {"truncation": True, "max_length": 8, "padding": False},
        {"truncation": False, "padding": False, "add_special_tokens": False, "return_offsets_mapping": True,
         "verbose": False},
    ]  # fmt: skip
    for way in ways:
        one, other = tokenizer(asked, **way), reader(asked, **way)
        if any(one[name] != rows for name, rows in other.items()):
            return False
    return True
