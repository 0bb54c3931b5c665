"""Predictions of old versions go, of many a few at a time, and nothing else does."""

from __future__ import annotations

import pytest

from labelwheel.plugins.errors import ToolError, ToolFailed
from labelwheel.plugins.label_studio import retirement
from labelwheel.plugins.label_studio.layout import read
from labelwheel.plugins.testing.people import People
from tests.plugins.label_studio.stand_in import CONFIG, Studio
from tests.plugins.label_studio.test_pushing import refused, suggestions

QUESTIONS = read(CONFIG).questions
BULK = "call /api/projects/1/model-versions/"


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def people(calls: list[str]) -> People:
    """Ten tasks, each with a prediction of two versions, and one that somebody has brought along."""
    found = People()
    keys = [found.add(f"text {number}") for number in range(10)]
    for version in ("g1", "g2"):
        said = [one.model_copy(update={"version": version}) for one in suggestions(keys)]
        assert Studio(found).push(said, QUESTIONS) == 10
    found.suggested[keys[0]].append({"id": 999, "task": keys[0], "model_version": "theirs", "result": []})
    found.called = calls.append
    return found


def versions(people: People) -> list[str]:
    return sorted(one["model_version"] for rows in people.suggested.values() for one in rows)


LEFT = ["g2"] * 10 + ["theirs"]


def test_few_go_at_once(people: People, calls: list[str]) -> None:
    assert Studio(people).retire(["g1"]) is True
    assert versions(people) == LEFT
    assert [one for one in calls if one == BULK or "predictions" in one] == [BULK]


def test_of_many_some_go_with_each_call(people: People, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retirement, "FEW", 3)
    monkeypatch.setattr(retirement, "SECONDS", 0.0)
    it, told = Studio(people), []
    while not told or told[-1] is False:
        told.append(it.retire(["g1"]))
    assert told == [False] * 7 + [True]
    assert versions(people) == LEFT
    assert calls.count(BULK) == 1, "the last three"


def test_within_its_seconds_as_many_go_as_can(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retirement, "FEW", 3)
    assert [Studio(people).retire(["g1"]) for _ in range(2)] == [False, True]
    assert versions(people) == LEFT


def test_where_none_can_be_taken_away_alone_all_go_at_once(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retirement, "FEW", 3)

    def called(name: str) -> None:
        if name.startswith("call /api/predictions/"):
            raise refused(ToolFailed, 500)

    people.called = called
    assert Studio(people).retire(["g1"]) is True
    assert versions(people) == LEFT


def test_one_that_went_away_meanwhile_is_gone(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retirement, "FEW", 3)
    left = [refused(ToolError, 404)]

    def called(name: str) -> None:
        if name.startswith("call /api/predictions/") and left:
            raise left.pop()

    people.called = called
    assert [Studio(people).retire(["g1"]) for _ in range(2)] == [False, True]
    assert versions(people) == LEFT
