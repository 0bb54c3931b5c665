"""From the scores of a text's tokens to spans: whole words, no overlaps, edges as people draw them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from labelwheel.training.kinds import span_tags
from labelwheel.training.kinds.span_habits import Habits
from labelwheel.training.kinds.span_seams import Seam, seams
from labelwheel.training.questions import Prediction
from labelwheel.training.span_edges import bare, whole_graphemes


def prediction(
    text: str, offsets: Sequence[tuple[int, int]], scores: np.ndarray, tags: Sequence[str], habits: Habits
) -> Prediction:
    """The most probable valid tags of one text as spans; `scores` are log probabilities (tokens, tags)."""
    places = seams(text)
    glued = _glued(text, places, offsets, tags, habits)
    scores = span_tags.within(scores, tags, glued)
    path = span_tags.best_tags(scores, tags, glued)
    likely = scores[np.arange(len(path)), path]
    sure = [
        float(np.exp(min((likely[i] for i, tag in enumerate(path) if tags[tag] == span_tags.OUTSIDE), default=0.0)))
    ]
    runs = _joined(places, offsets, span_tags.runs(path, tags), habits)
    spans: dict[tuple[int, int], tuple[str, float]] = {}
    reached = 0
    for number, (first, after, label) in enumerate(runs):
        follows = offsets[runs[number + 1][0]][0] if number + 1 < len(runs) else len(text)
        start, end = bare(text, offsets[first][0], offsets[after - 1][1])
        if start == end:
            continue
        start, end = whole_graphemes(text, start, end)
        start, end = habits.fitted(text, start, end, label, (min(reached, start), max(follows, end)))
        if reached <= start < end:
            reached = end
            spans[start, end] = label, float(np.exp(likely[first:after].mean()))
    items = tuple(score for _, score in spans.values())
    answer = [{"start": start, "end": end, "label": label} for (start, end), (label, _) in spans.items()]
    return Prediction(answer=answer, score=min(min(sure + list(items)), 1.0), item_scores=items)


def _joined(
    places: Mapping[int, Seam],
    offsets: Sequence[tuple[int, int]],
    runs: Sequence[tuple[int, int, str]],
    habits: Habits,
) -> list[tuple[int, int, str]]:
    """Pieces of one word or number that have one label as one, also where people cut words, unless they keep both."""
    found: list[tuple[int, int, str]] = []
    for first, after, label in runs:
        edge = offsets[first][0]
        touches = bool(found) and found[-1][2] == label and offsets[found[-1][1] - 1][1] == edge
        if touches and edge in places and not habits.touching(label):
            found[-1] = found[-1][0], after, label
        else:
            found.append((first, after, label))
    return found


def _glued(
    text: str,
    places: Mapping[int, Seam],
    offsets: Sequence[tuple[int, int]],
    tags: Sequence[str],
    habits: Habits,
) -> np.ndarray:
    """Between which tokens (tokens, tags) no span of a label may begin or end."""
    labels = [tag.partition("-")[2] for tag in tags]
    found = np.zeros((len(offsets), len(tags)), dtype=bool)
    rows: dict[Seam, list[bool]] = {}
    for number, (one, other) in enumerate(pairwise(offsets), start=1):
        if _nested(text, one, other):
            found[number] = True
        elif one[1] == other[0] and (seam := places.get(other[0])) is not None:
            if seam not in rows:
                rows[seam] = [bool(label) and habits.whole(seam, label) for label in labels]
            found[number] = rows[seam]
    return found


def _nested(text: str, one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two tokens are parts of one thing: the bytes of an emoji, a marker and the word that it marks.

    A marker that stands for nothing that can be seen, such as a space of no width, is no part of the word.
    """
    for inner, outer in ((one, other), (other, one)):
        if outer[0] <= inner[0] and inner[1] <= outer[1]:
            low, high = bare(text, *inner)
            return inner == outer or low < high
    return False
