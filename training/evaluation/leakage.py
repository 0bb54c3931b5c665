"""Whether anything that was trained on is among what is measured on."""

from __future__ import annotations

from collections.abc import Sequence
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
    bands: dict[int, list[bytes]] = {}
    for one in train:
        for band in one.text.signature.bands:
            listed = bands.setdefault(band, [])
            if len(listed) < CROWD and one.text.signature.sketch not in listed:
                listed.append(one.text.signature.sketch)
    known = {one.text.key for one in train}
    same = [one for one in held_out if one.text.key in known]
    near = [one for one in held_out if one.text.key not in known and _is_near(one.text, bands)]
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


def _is_near(text: Text, bands: dict[int, list[bytes]]) -> bool:
    if text.is_numeric:
        return False
    candidates = list({sketch for band in text.signature.bands for sketch in bands.get(band, ())})
    return bool(candidates) and bool((similarities(text.signature.sketch, candidates) >= NEAR).any())
