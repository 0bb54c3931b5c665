"""What a label's slices say of how it came about, and that nobody's name is among them."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from labelwheel.backend.database.tables import now
from labelwheel.backend.rounds import answers


def label(annotator: str, days: float = 0.0, origin: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(annotator=annotator, made_at=now() - timedelta(days=days, seconds=1), origin=origin)


@pytest.mark.parametrize(
    ("days", "age"), [(0, "under a week"), (6.9, "under a week"), (7.1, "a week to a month"), (31, "over a month")]
)
def test_a_label_has_an_age(days: float, age: str) -> None:
    assert answers._slices([label("ann", 90), label("ann", days)], {})["label age"] == age


def test_annotators_are_numbered_as_they_are_met_and_never_named() -> None:
    people: dict[str, int] = {}
    given = [["ann"], ["bob"], ["ann"], ["bob", "ann"], ["cy"]]
    found = [answers._slices([label(name) for name in names], people) for names in given]
    assert [each["annotator"] for each in found] == ["person 1", "person 2", "person 1", "several", "person 3"]
    assert "ann" not in str([list(each.values()) for each in found])


def test_the_newest_label_says_how_it_came_about() -> None:
    assert answers._slices([label("ann", 2, "accepted"), label("bob", 1, "changed")], {})["origin"] == "changed"
    assert answers._slices([label("ann")], {})["origin"] == "made"
