"""Spans as BIO tags of tokens, and the best tags as spans again (Ramshaw and Marcus 1995).

A tagger can only say what tokens can say: of overlapping spans the longer one is kept, and a token belongs to the span
that covers more than half of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labelwheel.training.kinds.span_windows import Offsets
from labelwheel.training.span_edges import bare

OUTSIDE = "O"
BEGIN = "B-"
INSIDE = "I-"
IGNORED = -100
_NEVER = -1e9

Span = Mapping[str, Any]


def names(labels: Sequence[str]) -> list[str]:
    """The tags of some labels: O, then B- and I- of each."""
    return [OUTSIDE, *(prefix + label for label in labels for prefix in (BEGIN, INSIDE))]


def disjoint(spans: Sequence[Span]) -> list[Span]:
    """The spans that tags can tell apart, sorted: of overlapping ones the longest, of equally long ones the first."""
    kept: list[Span] = []
    starts: list[int] = []
    for span in sorted(spans, key=lambda item: (item["start"] - item["end"], item["start"])):
        place = bisect_left(starts, span["start"])
        before = place == 0 or kept[place - 1]["end"] <= span["start"]
        if before and (place == len(kept) or span["end"] <= starts[place]):
            kept.insert(place, span)
            starts.insert(place, span["start"])
    return kept


def tag(
    text: str,
    spans: Sequence[Span],
    offsets: Sequence[Offsets],
    label2id: Mapping[str, int],
    continued: bool = False,
) -> list[int]:
    """A tag for each token: B on a span's first, I on the rest, -100 where a token is special.

    Spans of nothing but white space are left out: none is ever suggested.

    `continued` tells that the tokens are a later window of the text: a span that began before it goes on inside.
    """
    known = [span for span in spans if BEGIN + span["label"] in label2id]
    kept = disjoint([span for span in known if len(set(bare(text, span["start"], span["end"]))) == 2])
    found: list[int] = []
    opening = next((start for start, end in offsets if start < end), 0) if continued else 0
    begun = {number for number, span in enumerate(kept) if bare(text, span["start"], span["end"])[0] < opening}
    current = 0
    for raw_start, raw_end in offsets:
        if raw_start >= raw_end:
            found.append(IGNORED)
            continue
        start, end = bare(text, raw_start, raw_end)
        if start == end:  # white space inside of a span is part of it, and never at its edge
            start, end = raw_start, raw_end
        while current < len(kept) and kept[current]["end"] <= raw_start:
            current += 1
        best, most = None, (end - start) // 2
        for number in range(current, len(kept)):
            if kept[number]["start"] >= end:
                break
            covered = min(end, kept[number]["end"]) - max(start, kept[number]["start"])
            if covered > most:
                best, most = number, covered
        if best is None:
            found.append(label2id[OUTSIDE])
        else:
            found.append(label2id[(INSIDE if best in begun else BEGIN) + kept[best]["label"]])
            begun.add(best)
    return found


def within(scores: np.ndarray, tags: Sequence[str], glued: np.ndarray) -> np.ndarray:
    """Log-probabilities (tokens, tags) in which a token that can begin nothing is inside of X where B-X or I-X is said.

    A model that has seen `2024` begin a date says B there in `04/2024` too.
    """
    places = {name: index for index, name in enumerate(tags)}
    begin = [
        index for name, index in places.items() if name.startswith(BEGIN) and INSIDE + name[len(BEGIN) :] in places
    ]
    inside = [places[INSIDE + tags[index][len(BEGIN) :]] for index in begin]
    bound = glued[:, begin]
    rows = np.flatnonzero(np.logical_or.reduce(bound, axis=1))
    old = scores[rows][:, inside]
    found = scores.copy()
    found[rows[:, None], inside] = np.where(bound[rows], np.logaddexp(scores[rows][:, begin], old), old)
    return found


def best_tags(scores: np.ndarray, tags: Sequence[str], glued: np.ndarray) -> list[int]:
    """The most probable tags (tokens, tags) in log-probabilities, in which I-X only follows B-X or I-X (Viterbi 1967).

    `glued[t, X]` tells that between token t and the one before no span of X begins or ends: then X has both or neither.
    """
    place = {name: index for index, name in enumerate(tags)}
    inside = np.array([index for index, name in enumerate(tags) if name.startswith(INSIDE)], dtype=int)
    begin = np.array([place.get(BEGIN + tags[index][len(INSIDE) :], -1) for index in inside], dtype=int)
    free = np.array([not name.startswith(INSIDE) for name in tags])
    starts = np.array([name.startswith(BEGIN) for name in tags])
    barred = glued & (starts | ~free)
    some = np.logical_or.reduce(barred, axis=1)
    back = np.zeros(scores.shape, dtype=np.int32)
    total = np.where(free, scores[0], _NEVER)
    for step in range(1, len(scores)):
        came = np.empty(len(tags), dtype=np.int32)
        value = np.empty(len(tags))
        left = np.where(barred[step], _NEVER, total) if some[step] else total
        best = int(left.argmax())
        came[free], value[free] = best, left[best]
        if some[step]:
            value[glued[step] & starts] = _NEVER
        from_begin = np.where(begin >= 0, total[begin], _NEVER)
        came[inside] = np.where(from_begin >= total[inside], begin, inside)
        value[inside] = np.maximum(from_begin, total[inside])
        back[step], total = came, value + scores[step]
    path = [int(total.argmax())]
    for step in range(len(scores) - 1, 0, -1):
        path.append(int(back[step][path[-1]]))
    return path[::-1]


def runs(path: Sequence[int], tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Spans of tokens (first, after the last, label) in a valid sequence of tags; each B begins another one."""
    found: list[tuple[int, int, str]] = []
    for index, number in enumerate(path):
        name = tags[number]
        if name.startswith(BEGIN):
            found.append((index, index + 1, name[len(BEGIN) :]))
        elif name.startswith(INSIDE):
            found[-1] = (found[-1][0], index + 1, found[-1][2])
    return found
