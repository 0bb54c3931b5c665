"""Whether anything that was trained on is among what is measured on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from labelwheel.training.evaluation.families import CROWD
from labelwheel.training.evaluation.splits import NEAR, Text, similarities
from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample, Part

_SHOWN = 5


def check(question: Question, rows: Sequence[LabelledExample]) -> dict[str, Any]:
    """Groups, texts and near-duplicates that are in both parts; `clean` where there are none.

    The split reads all fields of an example and this check only those that the question reads, so that it finds what
    the split cannot know: two examples that differ in another field alone. Lines of one template, which the split cuts
    into single texts, are found as near-duplicates.
    """
    sides: dict[Part, list[_Found]] = {Part.TRAIN: [], Part.HELD_OUT: []}
    for row in rows:
        if row.part in sides and (text := question.text(row.example)):
            sides[row.part].append(_Found(row, Text(text)))
    train, held_out = sides[Part.TRAIN], sides[Part.HELD_OUT]
    learnt = Neighbours(one.text for one in train)
    same = [one for one in held_out if learnt.has(one.text)]
    near = [one for one in held_out if not learnt.has(one.text) and learnt.has_near(one.text)]
    shared = {one.text.key for one in same}
    groups = {one.row.group for one in train} & {one.row.group for one in held_out}
    return {
        "clean": not groups and not same and not near,
        "groups_in_both": len(groups),
        "texts_in_both": len(same),
        "near_texts_in_both": len(near),
        "examples": sorted(one.row.example.key for one in (*train, *same) if one.text.key in shared)[:_SHOWN],
        "train": len(train),
        "held_out": len(held_out),
        "apart": sum(row.part is Part.APART for row in rows),
    }


class _Found(NamedTuple):
    row: LabelledExample
    text: Text


class Neighbours:
    """Some texts, to ask whether another one is the same or a near-duplicate of one of them."""

    def __init__(self, texts: Iterable[Text | str]) -> None:
        self._keys: set[str] = set()
        self._bands: dict[int, list[bytes]] = {}
        for text in map(_signed, texts):
            self._keys.add(text.key)
            for band in text.signature.bands:
                listed = self._bands.setdefault(band, [])
                if len(listed) < CROWD and text.signature.sketch not in listed:
                    listed.append(text.signature.sketch)

    def has(self, text: Text) -> bool:
        """Whether it is one of them."""
        return text.key in self._keys

    def has_near(self, text: Text) -> bool:
        """Whether it is a near-duplicate of one of them."""
        if text.is_numeric:
            return False
        candidates = list({sketch for band in text.signature.bands for sketch in self._bands.get(band, ())})
        return bool(candidates) and bool((similarities(text.signature.sketch, candidates) >= NEAR).any())

    def have(self, text: Text | str) -> bool:
        """Whether either is so."""
        signed = _signed(text)
        return self.has(signed) or self.has_near(signed)


def _signed(text: Text | str) -> Text:
    return text if isinstance(text, Text) else Text(text)
