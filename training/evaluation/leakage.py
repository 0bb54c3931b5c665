"""Whether anything that was trained on is among what is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.evaluation.splits import NEAR, Neighbour, signature, similarity
from training.questions import Question
from training.spec import LabelledExample, Part

_SHOWN = 5


def check(question: Question, rows: Sequence[LabelledExample]) -> dict[str, Any]:
    """Groups, texts and near-duplicates that are in both parts; `clean` where there are none.

    The split reads all fields of an example and this check only those that the question reads, so that it finds what
    the split cannot know: two examples that differ in another field alone.
    """
    sides: dict[Part, list[Neighbour]] = {Part.TRAIN: [], Part.HELD_OUT: []}
    keys: dict[bytes, list[str]] = {}
    for row in rows:
        if row.part in sides and (text := question.text(row.example)):
            found = Neighbour(row.group, row.part, signature(text))
            sides[row.part].append(found)
            keys.setdefault(found.signature.digest, []).append(row.example.key)
    train, held_out = sides[Part.TRAIN], sides[Part.HELD_OUT]
    bands: dict[str, list[Neighbour]] = {}
    for one in train:
        for band in one.signature.bands:
            bands.setdefault(band, []).append(one)
    digests = {one.signature.digest for one in train}
    same = [one for one in held_out if one.signature.digest in digests]
    near = [one for one in held_out if one.signature.digest not in digests and _is_near(one, bands)]
    groups = {one.group for one in train} & {one.group for one in held_out}
    return {
        "clean": not groups and not same and not near,
        "groups_in_both": len(groups),
        "texts_in_both": len(same),
        "near_texts_in_both": len(near),
        "examples": sorted({key for one in same for key in keys[one.signature.digest]})[:_SHOWN],
        "train": len(train),
        "held_out": len(held_out),
        "apart": sum(row.part is Part.APART for row in rows),
    }


def _is_near(one: Neighbour, bands: dict[str, list[Neighbour]]) -> bool:
    candidates = {id(other): other for band in one.signature.bands for other in bands.get(band, ())}
    return any(similarity(one.signature, other.signature) >= NEAR for other in candidates.values())
