from __future__ import annotations

from dataclasses import replace
from typing import cast

from labelwheel.backend.replay.answers import Answers
from labelwheel.backend.replay.turns import OrderedTurns, TrueTurns, Turn, Turns
from labelwheel.training.questions import Example, Prediction
from tests.backend.replay.recordings import event, recording


class Unsure:
    """Is less sure of an example the higher its number is."""

    def say(self, examples: list[Example]) -> list[Prediction]:
        return [Prediction(answer="sport", score=1 / int(each.key[1:])) for each in examples]


UNSURE = cast(Answers, Unsure())


def all_of(turns: Turns) -> list[Turn]:
    found = []
    while turns.upcoming() is not None:
        found.append(turns.take())
    return found


def test_events_come_as_they_came_and_labels_are_counted_by_example() -> None:
    given = recording(4)
    events = [given.events[0], event(9, "e1", "politics", "updated"), *given.events[1:]]
    turns = all_of(TrueTurns(replace(given, events=events), 2))
    assert [(turn.key, turn.first) for turn in turns] == [("e1", True), ("e1", False), ("e2", True)]
    assert turns[1].events == [events[1]]


def test_an_order_chooses_by_what_is_suggested_at_that_moment() -> None:
    keys = [turn.key for turn in all_of(OrderedTurns(recording(8), 8, "uncertain", UNSURE))]
    assert sorted(keys) == [f"e{number}" for number in range(1, 9)]
    assert keys[0] == "e8"


def test_an_order_keeps_the_moments_and_the_last_answers() -> None:
    given = recording(4)
    events = [*given.events, event(5, "e1", "politics", "updated"), event(6, "e2", action="deleted")]
    truth = {key: answer for key, answer in given.truth.items() if key != "e2"} | {"e1": "politics"}
    turns = all_of(OrderedTurns(replace(given, events=events, truth=truth), 9, "random", UNSURE))
    assert sorted(turn.key for turn in turns) == ["e1", "e3", "e4"]
    assert [turn.moment for turn in turns] == [each.recorded_at for each in given.events[:3]]
    (changed,) = next(turn.events for turn in turns if turn.key == "e1")
    assert (changed.answer, changed.action, changed.id) == ("politics", "created", None)
