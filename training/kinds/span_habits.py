"""How people draw edges here, for each label: whether they cut words and numbers, and which outer marks they include.

It is learnt from the labels, kept with the checkpoint's calibration as plain numbers, and bounds what a model may
suggest: `2` of `£2,300` is no amount, however sure the model is, where no amount was ever marked so.

A number's name is what it says, then the label it is about; without one it is about all of them together, which stands
for labels that have too few spans. `splits_words Date` is the share of dates that cut a word, `before_00A3 Amount` that
of amounts which take the `£` before them along, `touches Place` that of places which begin where another one ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labelwheel.training.kinds.span_seams import (
    AFTER,
    BEFORE,
    COMPOUNDS,
    MARK,
    NUMBERS,
    SIGN,
    UNITS,
    WORDS,
    Seam,
    seams,
)
from labelwheel.training.span_edges import bare, whole_graphemes

SPLITS = "splits_"
TOUCHES = "touches"
EDGE_PUNCTUATION = "edge_punctuation"
SPACED = "spaced_"
"""A sign one space away, as in `34 €`."""

SIGNS = "signs"
"""All signs of money and share on one side together: a label that takes `£` along takes a `$` along."""

RARE = 0.05
"""A slip of the hand happens in one mark of fifty; what happens in one of twenty is meant."""

_PRIORS = {WORDS: 0.02, NUMBERS: 0.02, UNITS: 0.03, COMPOUNDS: 0.08, TOUCHES: 0.02}
_WEIGHT = 10
"""So many spans does it take to outweigh what is usual everywhere."""

_OWN = 5
"""From so many spans on a label goes by its own."""

_ENOUGH = 10
"""From so many on a mark's share is one; there is nothing usual about marks."""

_PAIRS = {")": "(", "]": "[", "}": "{", "»": "«", "”": "“", "’": "‘"}


def learn(drawn: Iterable[tuple[str, Sequence[Mapping[str, Any]]]]) -> dict[str, float]:
    """The habits that texts show, each with the spans that people marked in it, by their natural edges."""
    met: Counter[tuple[str, str]] = Counter()
    cut: Counter[tuple[str, str]] = Counter()
    for text, spans in drawn:
        if not spans:
            continue
        places = seams(text)
        starts = Counter((span["start"], span["label"]) for span in spans)
        for span in spans:
            for name, yes in _shown(text, places, span, starts).items():
                for key in ((name, span["label"]), (name, "")):
                    met[key] += 1
                    cut[key] += yes
    found: dict[str, float] = {}
    for (name, label), times in sorted(met.items()):
        prior = _PRIORS.get(name.removeprefix(SPLITS))
        if prior is not None and (not label or times >= _OWN):
            found[_key(name, label)] = round((cut[name, label] + _WEIGHT * prior) / (times + _WEIGHT), 4)
        elif prior is None and times >= _ENOUGH:
            found[_key(name, label)] = round(cut[name, label] / times, 4)
    return found


class Habits:
    """What a checkpoint's calibration says about edges; words and numbers are whole where it says nothing."""

    def __init__(self, known: Mapping[str, float]) -> None:
        self._known = known

    def whole(self, seam: Seam, label: str) -> bool:
        """Whether a label's spans never end at such a place."""
        if seam.sign:
            share = self._taken(seam.kind, seam.sign, label)
            return share is None or share >= 1 - RARE
        share = self._of(SPLITS + seam.kind, label)
        return (_PRIORS[seam.kind] if share is None else share) < RARE

    def touching(self, label: str) -> bool:
        """Whether two spans of a label may stand side by side without anything between them inside of one word."""
        share = self._of(TOUCHES, label)
        return share is not None and share >= RARE

    def fitted(self, text: str, start: int, end: int, label: str, room: tuple[int, int]) -> tuple[int, int]:
        """Natural edges with the outer marks that people include and without those that they leave out.

        `room` is how far it may reach. What is nothing else than marks stays as it is.
        """
        low, high = start, end
        while low < high and self._left_out(text, low, low, high, BEFORE, label):
            low += 1
        while low < high and self._left_out(text, high - 1, low, high, AFTER, label):
            high -= 1
        low, high = bare(text, low, high)
        # a mark that is written over punctuation stays with it
        if low >= high or whole_graphemes(text, low, high) != (low, high):
            low, high = start, end
        while low > room[0] and self._included(text[low - 1], BEFORE, label):
            low -= 1
        while high < room[1] and self._included(text[high], AFTER, label):
            high += 1
        if high + 2 <= room[1] and _is_spaced(text, high):
            share = self._of(_mark(SPACED + AFTER, text[high + 1]), label)
            high += 2 if share is not None and share >= 1 - RARE else 0
        grown = whole_graphemes(text, low, high)
        return (low, high) if grown == (low, high) else (start, end)

    def _left_out(self, text: str, place: int, low: int, high: int, side: str, label: str) -> bool:
        mark = text[place]
        if not MARK.match(mark) or _belongs(text[low:high], mark, side):
            return False
        share = self._taken(side, mark, label)
        return share is not None and share <= RARE

    def _included(self, mark: str, side: str, label: str) -> bool:
        # only a mark that was seen itself: a share of all of them says nothing for taking one more along
        share = self._of(_mark(side, mark), label) if MARK.match(mark) else None
        return share is not None and share >= 1 - RARE

    def _taken(self, side: str, mark: str, label: str) -> float | None:
        share = self._of(_mark(side, mark), label)
        if share is None:
            share = self._of(f"{side}_{SIGNS}" if SIGN.match(mark) else EDGE_PUNCTUATION, label)
        return share

    def _of(self, name: str, label: str) -> float | None:
        found = self._known.get(_key(name, label))
        return self._known.get(name) if found is None else found


def _shown(
    text: str, places: Mapping[int, Seam], span: Mapping[str, Any], starts: Mapping[tuple[int, str], int]
) -> dict[str, bool]:
    """What one span shows: for each habit that it could show, whether it does."""
    start, end = span["start"], span["end"]
    found: dict[str, bool] = {}
    for place in range(start, end + 1):
        seam = places.get(place)
        if seam is not None and not seam.sign:
            name = SPLITS + seam.kind
            found[name] = found.get(name, False) or place in (start, end)
    if (seam := places.get(end)) is not None and not seam.sign:
        found[TOUCHES] = (end, span["label"]) in starts
    for side, inner, outer in ((BEFORE, start, start - 1), (AFTER, end - 1, end)):
        marks = {place: text[place] for place in (outer, inner) if 0 <= place < len(text) and MARK.match(text[place])}
        if end - start == 1:
            marks.pop(inner, None)  # it is the span, not beside it
        for place, mark in marks.items():
            for name in (_mark(side, mark), f"{side}_{SIGNS}" if SIGN.match(mark) else EDGE_PUNCTUATION):
                found[name] = found.get(name, False) or place == inner
    for place, taken in ((end - 2, True), (end, False)):
        if start < place and _is_spaced(text, place):
            found[_mark(SPACED + AFTER, text[place + 1])] = taken
    return found


def _is_spaced(text: str, place: int) -> bool:
    """Whether a space stands between a number and its sign."""
    around = text[place - 1 : place + 2]
    return len(around) == 3 and around[0].isdigit() and around[1].isspace() and bool(SIGN.match(around[2]))


def _belongs(piece: str, mark: str, side: str) -> bool:
    """Whether a bracket at an edge belongs to one inside."""
    if side == AFTER and mark in _PAIRS:
        return piece.count(_PAIRS[mark]) >= piece.count(mark)
    closing = next((close for close, opening in _PAIRS.items() if opening == mark), None)
    return side == BEFORE and closing is not None and closing in piece[:-1]


def _mark(side: str, mark: str) -> str:
    return f"{side}_{ord(mark):04X}"


def _key(name: str, label: str) -> str:
    return f"{name} {label}" if label else name
