"""What is said of words, said of an encoder's tokens: so that a head on words can be compared with one on tokens."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np

from labelwheel.training.heads.span_answers import OUTSIDE
from labelwheel.training.heads.words import Range
from labelwheel.training.kinds.base import Encoding

UNSAID = float(np.log(1e-4))
"""The log probability of a tag that nothing is said of."""


def token_logs(
    encodings: Sequence[Encoding],
    ranges: Sequence[Sequence[Range]],
    logs: Sequence[np.ndarray],
    tags: Sequence[str],
    id2label: Mapping[int, str],
) -> list[np.ndarray]:
    """For each encoding log probabilities (tokens, labels), from those of its example's words, (words, tags).

    `ranges` are the words of each example. A word's first token says what the word does, the others that they are
    inside of whatever it is of; a token that is of no word is outside.
    """
    place = {label: number for number, label in id2label.items()}
    columns = [place[tag] for tag in tags]
    outside = np.full(len(place), UNSAID)
    outside[place[OUTSIDE]] = 0.0
    found = []
    for row in encodings:
        words, said = ranges[row.example], logs[row.example]
        ends = [end for _, end in words]
        rows = np.tile(outside, (len(row.input_ids), 1))
        for token, (start, end) in enumerate(row.offsets or ()):
            word = bisect_right(ends, start)
            if start == end or word == len(words) or words[word][0] >= end:
                continue
            rows[token] = UNSAID
            rows[token, columns] = np.maximum(said[word], UNSAID)
            if start > words[word][0]:
                _inside(rows[token], place)
        found.append(rows.astype(np.float32))
    return found


def _inside(row: np.ndarray, place: Mapping[str, int]) -> None:
    """What begins a span at a word's first token goes on at its others."""
    for label, number in place.items():
        if label[0] == "B" and (inside := place.get(f"I{label[1:]}")) is not None:
            row[inside] = np.logaddexp(row[number], row[inside])
            row[number] = UNSAID
