"""Who answers a task second is shown what the first saw, and nothing of a model that has learnt from that answer."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.plugins.label_studio import first_looks

PAST = {"g1", "g2"}


def said(version: str, at: int, answer: str = "good") -> dict[str, Any]:
    result = [{"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": [answer]}}]
    return {
        "id": at,
        "created_at": f"2026-11-30T10:{at:02}:00Z",
        "model_version": version,
        "score": 0.5,
        "result": result,
    }


def answered(at: int, skipped: bool = False) -> dict[str, Any]:
    return {"id": at, "created_at": f"2026-11-30T10:{at:02}:00Z", "was_cancelled": skipped}


def task(*predictions: object, annotations: list[Any], given: object = 1, wanted: object = 2) -> dict[str, Any]:
    return {
        "id": 1, "predictions": list(predictions), "annotations": annotations,
        "total_annotations": given, "overlap": wanted,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "wanted", "half"),
    [(0, 2, False), (1, 2, True), (2, 3, True), (2, 2, False), (1, 1, False), (None, 2, False), ("1", 2, False)],
)
def test_which_tasks_others_are_still_to_answer(given: object, wanted: object, half: bool) -> None:
    assert first_looks.is_half_answered(task(annotations=[answered(5)], given=given, wanted=wanted)) is half


def test_the_newest_of_ours_from_before_the_first_answer_is_shown() -> None:
    found = task(
        said("g1", 1), said("g1.4", 3, "bad"), said("mine", 4), said("g2", 7), annotations=[answered(9), answered(5)]
    )
    assert first_looks.shown(found, PAST) == {
        "result": said("g1.4", 3, "bad")["result"], "score": 0.5, "model_version": "g1.4"
    }  # fmt: skip


def test_who_skips_has_answered_nothing() -> None:
    found = task(said("g1", 1), said("g2", 4), annotations=[answered(2, skipped=True), answered(5)])
    told = first_looks.shown(found, PAST)
    assert isinstance(told, dict)
    assert told["model_version"] == "g2"


@pytest.mark.parametrize(
    "odd",
    [
        task(said("g2", 7), annotations=[answered(5)]),
        task(said("g1", 1), annotations=[]),
        task(said("g1", 1), annotations=[{"id": 1}]),
        task({"created_at": "yesterday", "model_version": "g1", "result": []}, annotations=[answered(5)]),
        task({"created_at": 7}, None, "x", annotations=[answered(5), None, {"created_at": {}}]),
        {"predictions": 1, "annotations": "x"},
        {},
    ],
)
def test_where_the_first_saw_nothing_or_it_is_not_known_nothing_is_shown(odd: dict[str, Any]) -> None:
    assert first_looks.shown(odd, PAST) == []
