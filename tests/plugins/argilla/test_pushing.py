"""What is sent and shown of a suggestion."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.plugins.argilla import pushing
from labelwheel.plugins.argilla.answers import Value
from labelwheel.plugins.argilla.pushing import agent, ours, same, shows
from labelwheel.plugins.connector import Suggestion
from labelwheel.plugins.errors import ToolUnreachable
from labelwheel.training.questions import Example, Prediction
from tests.plugins.argilla.stand_in import RecordPeople, Records, say
from tests.plugins.argilla.test_layout import asked, layout


def test_people_see_what_fits_and_what_the_pairs_agree_on() -> None:
    found = layout(
        asked("who", "span", ["PER"], field="text"),
        asked("many", "multi_label_selection", ["a", "b"]),
        asked("best", "ranking", ["x", "y", "z"]),
    )
    spans = [{"start": 2, "end": 6, "label": "PER"}, {"start": 7, "end": 8, "label": "PER"}]
    said = {
        "who": Prediction(answer=spans, score=0.5, item_scores=(0.5, 0.5)),
        "many": Prediction(answer=[], score=0.9),
        # a circle, which no order can show: the weakest of the three gives way
        "best: x or y": Prediction(answer="x", score=0.9),
        "best: y or z": Prediction(answer="y", score=0.8),
        "best: x or z": Prediction(answer="z", score=0.6),
    }
    example = Example(key="1", fields={"text": "😀 Jane 😀"})
    assert shows(found, Suggestion(example=example, version="lw-1", predictions=said)) == {
        "who": spans[:1],
        "best: x or y": "x",
        "best: y or z": "y",
        "best: x or z": "x",
    }


@pytest.mark.parametrize(
    ("value", "shown", "expected"),
    [
        (Value("a", 0.8), {"value": "a", "score": 0.82}, True),
        (Value("a", 0.8), {"value": "a", "score": 0.9}, False),
        (Value("a", 0.8), {"value": "b", "score": 0.8}, False),
        (Value("a", 0.8), {"value": "a", "score": None}, False),
        (Value(["a"], [0.8]), {"value": ["a"], "score": [0.81]}, True),
        (Value(["a"], [0.8]), {"value": ["a"], "score": [0.8, 0.8]}, False),
        (Value([], None), {"value": [], "score": None}, True),
    ],
)
def test_only_what_people_would_see_is_a_difference(value: Value, shown: dict[str, Any], expected: bool) -> None:
    assert same(value, shown) is expected


def test_a_version_is_an_agent_in_the_characters_that_are_allowed() -> None:
    assert agent("lw-1-0001-abc") == "lw-1-0001-abc"
    assert agent("m@1+2 é") == "m-1-2 -"
    assert len(agent("x" * 300)) == 200
    assert ours({"agent": "lw-1-0002-xyz"}, "lw-1-0001-abc")
    assert not ours({"agent": "gpt"}, "lw-1-0001-abc")
    assert not ours({"agent": None}, "lw-1-0001-abc")


def test_who_answers_second_sees_what_the_first_saw() -> None:
    """Where two are to answer, a model that had learnt from the first told the second what that one had said."""
    people = RecordPeople()
    people.min_submitted = 2
    answered, open_ = (people.add(text) for text in ("one", "two"))
    connector = Records(people)
    questions = connector.config().questions

    def fill(version: str, answer: str) -> None:
        said = {"topic": Prediction(answer=answer, score=0.9)}
        for page in connector.waiting(version, None):
            found = [Suggestion(example=each, version=version, predictions=said) for each in page.examples]
            assert connector.push(found, questions) == len(found)

    def shown() -> list[str | None]:
        return [say(people.suggested.get(number, [])) for number in (answered, open_)]

    fill("lw-1-0001-a", "sport")
    people.answer(answered, "politics")
    assert [example.key for example in connector.upcoming(5)] == [people.name(open_)]
    fill("lw-1-0002-b", "politics")
    connector.retire(["lw-1-0001-a"])
    assert shown() == ["sport", "politics"]


def _fail(_: str) -> None:
    raise ToolUnreachable("nobody there")


@pytest.mark.parametrize("fails", [False, True])
def test_old_suggestions_go_page_by_page_and_labels_are_read_in_between(
    monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    monkeypatch.setattr(pushing, "PAGE", 2)
    monkeypatch.setattr(pushing, "RETIRE_SECONDS", 0.0)
    people = RecordPeople()
    records = [people.add(f"text {number}") for number in range(6)]
    first = Records(people)
    said = {"topic": Prediction(answer="sport", score=0.9)}
    for page in first.waiting("lw-1-0001-a", None):
        first.push([Suggestion(example=each, version="lw-1-0001-a", predictions=said) for each in page.examples],
                   first.config().questions)  # fmt: skip
    connector = Records(people)  # as after a restart: nothing is known of what was looked at

    def left() -> int:
        return sum(say(people.suggested.get(number, [])) is not None for number in records)

    told = [connector.retire(["lw-1-0001-a"])]
    assert (told, left()) == ([False], 4)
    if fails:
        with monkeypatch.context() as broken:
            broken.setattr(people, "called", _fail)
            with pytest.raises(ToolUnreachable):
                connector.retire(["lw-1-0001-a"])
    while told[-1] is False:
        told.append(connector.retire(["lw-1-0001-a"]))
        assert len(told) < 10
    assert left() == 0
    assert connector.retire(["lw-1-0001-a"]) is False, "the next time it begins anew"
