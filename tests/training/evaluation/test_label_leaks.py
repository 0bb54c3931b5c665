"""What a model could have looked up is counted, and what it is worth without."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from labelwheel.training.evaluation.label_leaks import LABEL_LEAKS
from labelwheel.training.evaluation.report import plain
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.spec import LabelledExample, Part
from tests.training.inspection import subjects

QUESTION = subjects.choice("card_refused", "lateParcel")
WORDS = ("shop", "grocer", "baker", "station", "harbour", "market", "library", "museum", "garage", "hotel")


def tickets(count: int = 80, named: float = 0.0) -> list[LabelledExample]:
    draw, rows = Random(5), []
    for number in range(count):
        label = ("card_refused", "lateParcel")[number % 2]
        words = " ".join(draw.sample(WORDS, 5))
        sign = ("plastic", "box")[number % 2]
        name = {"card_refused": "Card refused", "lateParcel": "late parcel"}[label]
        text = f"{name + ': ' if number < named * count else ''}{words} {sign} {number * 7919}"
        rows.append(subjects.row(number, text, label))
    return rows


def by_sign(text: str) -> tuple[str, float]:
    return ("card_refused" if "plastic" in text else "lateParcel"), 0.9


def by_name(text: str) -> tuple[str, float]:
    return ("card_refused" if "Card refused" in text else "lateParcel"), 0.9


def found_by(subject: Subject) -> dict[str, Any]:
    found = LABEL_LEAKS.look(subject)
    assert json.loads(json.dumps(plain(found))) == plain(found)
    return found


def test_a_model_that_reads_the_labels_names_is_found() -> None:
    found = found_by(subjects.subject(QUESTION, tickets(named=0.5), by_name))
    assert found["leaks"] == ["labels that texts name"]
    named = found["named"]
    assert (named["examples"], named["share"], named["score"], named["score_masked"]) == (40, 0.5, 1.0, 0.5)
    assert named["score_without"] == 0.5
    assert "40 measured texts (50%) name their label" in LABEL_LEAKS.render(found)


def test_a_model_that_does_not_is_not() -> None:
    found = found_by(subjects.subject(QUESTION, tickets(named=0.5), by_sign))
    assert found["leaks"] == []
    assert (found["named"]["score_masked"], found["named"]["difference"]) == (1.0, 0.0)
    assert found_by(subjects.subject(QUESTION, tickets(), by_sign))["named"] == {}


def test_texts_that_were_learnt_too_are_counted_and_left_out() -> None:
    rows = tickets()
    wrong = {"card_refused": "lateParcel", "lateParcel": "card_refused"}
    learnt = [
        row.model_copy(
            update={
                "part": Part.TRAIN,
                "answer": wrong[row.answer] if place == 0 else row.answer,
                "example": row.example.model_copy(update={"fields": {"text": row.example.fields["text"].upper()}}),
            }
        )
        for place, row in enumerate(rows[:6])
    ]
    known = {row.example.fields["text"] for row in rows[:6]}
    twice = subjects.subject(
        QUESTION, [*rows, *learnt], lambda text: by_sign(text) if text in known else ("lateParcel", 0.5)
    )
    found = found_by(twice)
    assert found["leaks"] == ["texts on both sides of the split"]
    repeated = found["repeated"]
    assert (repeated["examples"], repeated["same_text"], repeated["same_label"]) == (6, 6, 5)
    assert repeated["score_on_them"] == 1.0
    assert repeated["score_without"] == pytest.approx(0.5)
    assert "6 measured texts were learnt, too" in LABEL_LEAKS.render(found)


def test_spans_name_nothing_that_is_a_leak() -> None:
    rows = [
        subjects.row(number, f"city {number * 7919} Oslo", [{"start": 0, "end": 4, "label": "city"}])
        for number in range(20)
    ]
    found = found_by(subjects.subject(subjects.spans("city"), rows, lambda text: ([], 0.9)))
    assert (found["named"], found["leaks"]) == ({}, [])
    assert "Nothing was found." in LABEL_LEAKS.render(found)


def test_nothing_held_out_is_nothing_to_say() -> None:
    assert LABEL_LEAKS.look(subjects.subject(QUESTION, [], by_sign)) == {}
