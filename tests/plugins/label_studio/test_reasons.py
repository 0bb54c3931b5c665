"""Marks of the words that carried a suggestion: beside it, locked, and never read."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.plugins.connector import Suggestion
from labelwheel.plugins.errors import ToolError, ToolUnreachable
from labelwheel.plugins.label_studio.annotations import work_of
from labelwheel.plugins.label_studio.layout import read
from labelwheel.plugins.label_studio.reasons import beside, without
from labelwheel.plugins.label_studio.regions import decode, encode
from labelwheel.plugins.reasons import NAME, Reason, Word
from labelwheel.plugins.testing.people import People
from labelwheel.training.questions import Example, Prediction
from tests.plugins.label_studio.stand_in import Studio

MARKS = f'<Labels name="{NAME}" toName="text"><Label value="why"/><Label value="tone"/></Labels>'
CONTROLS = (
    '<Text name="text" value="$text"/><Choices name="topic" toName="text"><Choice value="sport"/></Choices>'
    '<Choices name="tone" toName="text"><Choice value="glad"/></Choices>'
    '<Labels name="who" toName="text"><Label value="PER"/></Labels>'
)
LAYOUT = read(f"<View>{MARKS}{CONTROLS}</View>")
DATA = {"text": "😀 Jane won a match"}
EXAMPLE = LAYOUT.example("7", DATA)
JANE = {"start": 2, "end": 6, "label": "PER"}
ANSWERS = {"topic": "sport", "tone": "glad", "who": [JANE]}


def word(text: str) -> Word:
    start = DATA["text"].index(text)
    return Word(field="text", start=start, end=start + len(text), text=text)


def suggestion(**words: list[str]) -> Suggestion:
    items = {"topic": "sport", "tone": "glad", "who": JANE}
    reasons = {name: (Reason(item=items[name], words=tuple(map(word, each))),) for name, each in words.items()}
    said = {name: Prediction(answer=answer, score=0.5) for name, answer in ANSWERS.items()}
    return Suggestion(example=EXAMPLE, version="g1", predictions=said, reasons=reasons)


def shown(found: Suggestion, layout: Any = LAYOUT) -> list[dict[str, Any]]:
    return beside(encode(layout, EXAMPLE, DATA, found.predictions, "g1"), layout, EXAMPLE, DATA, found)


def test_the_control_is_no_question() -> None:
    assert [question.name for question in LAYOUT.questions] == ["topic", "tone", "who"]
    assert LAYOUT.unlearnt == ()
    assert LAYOUT.marks is not None


def test_another_sort_of_control_of_that_name_is_refused_in_words() -> None:
    found = read(f'<View>{CONTROLS}<Choices name="{NAME}" toName="text"><Choice value="a"/></Choices></View>')
    assert found.marks is None
    [refused] = found.unlearnt
    assert "has to be of Labels" in refused.reason


def test_words_are_marked_in_a_label_of_their_question_or_the_first() -> None:
    found = shown(suggestion(topic=["match", "won"], tone=["😀"]))
    marks = [region for region in found if region["from_name"] == NAME]
    assert [(one["value"]["text"], one["value"]["labels"], one["readonly"]) for one in marks] == [
        ("😀", ["tone"], True), ("won", ["why"], True), ("match", ["why"], True),
    ]  # fmt: skip
    assert without(found) == without(shown(suggestion()))
    assert decode(LAYOUT, found, EXAMPLE, DATA) == (ANSWERS, [])


def test_what_carried_a_span_is_in_its_details() -> None:
    [span] = [one for one in shown(suggestion(who=["won"])) if one["from_name"] == "who"]
    assert span["meta"] == {"text": ["carried by “won”"]}
    assert not [one for one in shown(suggestion(who=["won"])) if one["from_name"] == NAME]


def test_without_a_control_nothing_is_marked() -> None:
    layout = read(f"<View>{CONTROLS}</View>")
    assert [one["from_name"] for one in shown(suggestion(topic=["won"]), layout)] == ["topic", "tone", "who"]


def test_a_submitted_annotation_with_marks_is_the_accepted_suggestion() -> None:
    regions = shown(suggestion(topic=["won"], who=["won"]))
    made = "2026-01-01T00:00:00Z"
    annotation = {"id": 1, "result": regions, "parent_prediction": 5, "created_at": made, "completed_by": 1}
    prediction = {"id": 5, "result": regions, "model_version": "g1"}
    task = {"id": 7, "data": DATA, "annotations": [annotation], "predictions": [prediction]}
    [work] = work_of(LAYOUT, task, EXAMPLE)
    assert (work.answers, work.version, work.suggested) == (ANSWERS, "g1", ANSWERS)
    assert set(work.origins.values()) == {"accepted"}


@pytest.fixture
def people() -> People:
    return People()


def explained(people: People, answer: str = "sport", version: str = "g1") -> tuple[Studio, Suggestion]:
    """A task for which g1 suggests sport, and what is to be told of it."""
    key = people.add("a match")
    example = Example(key=str(key), fields={"t": "a match"})
    studio = Studio(people)
    first = Suggestion(example=example, version="g1", predictions={"topic": Prediction(answer="sport", score=0.5)})
    assert studio.push([first], studio.config().questions) == 1
    reason = Reason(item=answer, words=(Word(field="t", start=2, end=7, text="match"),))
    said = {"topic": Prediction(answer=answer, score=0.6)}
    return studio, Suggestion(example=example, version=version, predictions=said, reasons={"topic": (reason,)})


def marked(people: People) -> list[str]:
    [[prediction]] = people.suggested.values()
    return [one["value"]["text"] for one in prediction["result"] if one["from_name"] == NAME]


def test_what_is_shown_already_gets_its_marks_once(people: People) -> None:
    studio, found = explained(people)
    for _ in range(2):
        studio.explain(found)
        assert marked(people) == ["match"]


@pytest.mark.parametrize(("answer", "version"), [("politics", "g1"), ("sport", "g2")])
def test_another_suggestion_than_is_shown_is_not_explained(people: People, answer: str, version: str) -> None:
    studio, found = explained(people, answer, version)
    studio.explain(found)
    assert marked(people) == []


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_suggestion_that_takes_no_marks_stops_nothing(people: People, status: int) -> None:
    studio, found = explained(people)
    fail(people, ToolError, status)
    studio.explain(found)
    assert marked(people) == []


def test_a_tool_that_is_away_is_told_of(people: People) -> None:
    studio, found = explained(people)
    fail(people, ToolUnreachable, 503)
    with pytest.raises(ToolUnreachable):
        studio.explain(found)


def fail(people: People, kind: type[ToolError], status: int) -> None:
    def called(name: str) -> None:
        if "/predictions/" in name:
            error = kind("no")
            error.http_status = status
            raise error

    people.called = called
