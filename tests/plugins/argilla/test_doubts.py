"""Label errors as a number in the metadata."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.plugins.argilla import doubts
from labelwheel.plugins.argilla.client import Missing, Rejected
from labelwheel.plugins.argilla.dataset import Dataset
from labelwheel.plugins.errors import ToolError, ToolRefused
from tests.plugins.argilla.stand_in import ID, Calls, RecordPeople


@pytest.fixture
def people() -> RecordPeople:
    people = RecordPeople()
    for text in ("one", "two", "three", "four"):
        people.add(text)
    return people


def dataset(calls: Calls) -> Dataset:
    found = Dataset(calls, "d")
    found._id = ID
    return found


def names(people: RecordPeople) -> list[str]:
    return [one["name"] for one in people.properties]


def test_there_is_a_property_while_there_are_errors(people: RecordPeople) -> None:
    place = dataset(Calls(people))
    keys = [people.name(number) for number in people.texts]
    first, second, third, _ = people.texts
    doubts.show(place, [])
    assert names(people) == []
    doubts.show(place, [keys[2], keys[0], "nobody's"])
    assert (names(people), people.doubts) == ([doubts.PROPERTY], {third: 1, first: 2})
    doubts.show(place, [keys[0], keys[1]])
    assert set(people.doubts) == {first, second}
    assert people.doubts[first] < people.doubts[second]
    doubts.show(place, [])
    assert (names(people), people.doubts) == ([], {})


def test_numbers_that_are_right_are_not_written_again(people: RecordPeople) -> None:
    place = dataset(Calls(people))
    keys = [people.name(number) for number in people.texts]
    doubts.show(place, keys[:3])
    calls: list[str] = []
    people.called = calls.append
    doubts.show(place, keys[:3])
    assert calls
    assert not [call for call in calls if call.endswith("bulk")]


def test_a_property_of_that_name_that_is_somebody_elses_stays_theirs(people: RecordPeople) -> None:
    people.properties.append({"id": "p", "name": doubts.PROPERTY, "settings": {"type": "terms"}})
    place = dataset(Calls(people))
    with pytest.raises(ToolError, match="take it away"):
        doubts.show(place, [people.name(number) for number in people.texts])
    doubts.remove(place)
    assert names(people) == [doubts.PROPERTY]


@pytest.mark.parametrize("error", [ToolRefused("not yours"), Rejected("too many"), ToolError("503")])
def test_what_argilla_refuses_is_told(people: RecordPeople, error: Exception) -> None:
    class Refusing(Calls):
        def send(self, *arguments: Any, **more: Any) -> Any:
            raise error

    with pytest.raises(type(error)):
        doubts.show(dataset(Refusing(people)), [people.name(number) for number in people.texts])
    assert people.doubts == {}


def test_a_dataset_that_is_gone_needs_no_tidying(people: RecordPeople) -> None:
    class Gone(Calls):
        def ask(self, *arguments: Any, **more: Any) -> Any:
            raise Missing("no such dataset")

    doubts.remove(dataset(Gone(people)))
