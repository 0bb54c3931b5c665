"""A dataset's settings as questions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelwheel.plugins.argilla.answers import decode, encode
from labelwheel.plugins.argilla.layout import Layout, read
from labelwheel.training.questions import Example, Kind, Prediction

FIELDS = [{"name": "text", "title": "Text", "settings": {"type": "text"}}]


def asked(name: str, kind: str, options: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    settings = {"type": kind, "options": [one if isinstance(one, dict) else {"value": one} for one in options or []]}
    return {"id": f"id-{name}", "name": name, "title": name, "settings": {**settings, **more}}


def layout(*questions: dict[str, Any], fields: list[dict[str, Any]] | None = None) -> Layout:
    return read(FIELDS if fields is None else fields, questions)


def field(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "title": name, "settings": {"type": kind}}


def test_labels_carry_what_people_are_told_about_them() -> None:
    options = [{"value": "neg", "text": "Negative", "description": "it complains"}, {"value": "pos", "text": "pos"}]
    (question,) = layout(asked("mood", "label_selection", options)).questions
    assert [(one.value, one.hint) for one in question.options] == [("neg", "Negative, it complains"), ("pos", "")]


def test_a_rating_with_gaps_is_a_choice_among_its_numbers() -> None:
    found = layout(asked("stars", "rating", [1, 2, 3]), asked("odd", "rating", [10, 1, 5]))
    stars, odd = found.questions
    assert (stars.kind, stars.minimum, stars.maximum) == (Kind.RATING, 1, 3)
    assert (odd.kind, odd.values) == (Kind.CHOICE, ("1", "5", "10"))
    example = Example(key="1", fields={"text": "fine"})
    assert decode(found.controls[1], {"odd": {"value": 5}}, example) == ({"odd": "5"}, [])
    assert encode(found.controls[1], {"odd": Prediction(answer="10", score=0.5)}, example) == (10, 0.5)


def test_a_ranking_is_a_question_for_each_pair() -> None:
    fields = [field("text", "text"), field("a", "text"), field("b", "text")]
    found = layout(asked("best", "ranking", ["a", "b", "c"]), asked("two", "ranking", ["a", "b"]), fields=fields)
    assert [(one.name, one.kind) for one in found.questions] == [
        ("best: a or b", Kind.PAIRWISE),
        ("best: a or c", Kind.CHOICE),
        ("best: b or c", Kind.CHOICE),
        ("two", Kind.PAIRWISE),
    ]
    assert found.questions[0].inputs == ("a", "b")
    assert found.questions[1].inputs == ("text", "a", "b")
    example = Example(key="1", fields={"text": "t", "a": "x", "b": "y"})
    ranked = [{"value": "c", "rank": 1}, {"value": "a", "rank": 2}, {"value": "b", "rank": 2}]
    answers, rejected = decode(found.controls[0], {"best": {"value": ranked}}, example)
    assert answers == {"best: a or c": "c", "best: b or c": "c"}, "a tie leaves its pair open"
    assert rejected == []
    said = {
        "best: a or b": Prediction(answer="right", score=0.6),
        "best: a or c": Prediction(answer="c", score=0.9),
        "best: b or c": Prediction(answer="c", score=0.8),
    }
    value = encode(found.controls[0], said, example)
    assert value
    assert [one["value"] for one in value.value] == ["c", "b", "a"]
    assert [one["rank"] for one in value.value] == [1, 2, 3]
    assert value.score == [0.85, 0.4, 0.25]
    assert encode(found.controls[0], {**said, "best: a or b": Prediction()}, example) is None


def test_several_fields_are_read_under_their_titles() -> None:
    fields = [field("q", "text") | {"title": "Question"}, field("talk", "chat") | {"title": ""}]
    mood, who = layout(
        asked("mood", "label_selection", ["a", "b"]), asked("who", "span", ["x"], field="q"), fields=fields
    ).questions
    example = Example(key="1", fields={"q": "why?", "talk": "user: hi"})
    assert mood.texts(example) == ("Question: why?\ntalk: user: hi",)
    assert who.texts(example) == ("why?",), "offsets count from the beginning of the field"
    assert layout(asked("mood", "label_selection", ["a", "b"])).questions[0].titles == ()


@pytest.mark.parametrize(
    ("question", "fields", "reason"),
    [
        (asked("mood", "label_selection", ["a", "b"]), [field("photo", "image")], "no text or chat field"),
        (asked("who", "span", ["a"], field="talk"), [field("talk", "chat"), *FIELDS], "no text field"),
        (asked("rank", "ranking", list("abcde")), FIELDS, "5 options"),
        (asked("one", "rating", [3]), FIELDS, "single rating"),
        (asked("new", "drawing", ["a"]), FIELDS, "not known"),
    ],
)
def test_what_is_not_learnt_says_why(question: dict[str, Any], fields: list[Any], reason: str) -> None:
    found = layout(question, fields=fields)
    assert found.questions == ()
    (unlearnt,) = [one for one in found.unlearnt if one.name == question["name"]]
    assert reason in unlearnt.reason


@pytest.mark.parametrize("markdown", [True, False])
def test_a_text_question_takes_one_text(markdown: bool) -> None:
    found = layout(asked("note", "text", use_markdown=markdown))
    (question,) = found.questions
    assert (question.kind, question.maximum, question.name) == ("text", 1, "note")
    assert found.controls[0].settings["use_markdown"] is markdown


def test_fields_without_text_are_named() -> None:
    found = layout(fields=[field("photo", "image"), field("card", "custom"), field("talk", "chat"), *FIELDS])
    assert [one.name for one in found.unlearnt] == ["field photo", "field card"]
    talk = [{"role": "user", "content": "hi"}, "nonsense", {"content": None}]
    record = {"id": "1", "fields": {"text": "a\ud800\x00b", "talk": talk, "photo": "x", "card": {}}}
    assert found.example(record).fields == {"talk": "user: hi\n: ", "text": "a\ufffd\ufffdb"}
    assert found.example({"id": "1", "fields": {"text": None}}).fields == {}


def test_what_others_wrote_into_the_metadata_are_columns() -> None:
    record = {"id": "1", "fields": {"text": "a"}, "metadata": {"source": "web", "tags": ["a"], "labelwheel_rank": 3}}
    assert layout(fields=FIELDS).example(record).columns == {"source": "web"}
    assert layout(fields=FIELDS).example({**record, "metadata": None}).columns == {}


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ({"id": "1", "name": "x"}, "settings"),
        ({"id": "1", "name": "x", "settings": 3}, "settings"),
        ({"id": "1", "name": "x" * 256, "settings": {"type": "rating"}}, "256 characters"),
        ({"id": "1", "name": "x\ud800", "settings": {"type": "rating"}}, "name"),
        (asked("x", "label_selection"), "no options"),
        (asked("x", "label_selection", ["\ud800"]), "cannot be stored"),
        (asked("x", "label_selection", ["a" * 1001]), "1001 characters"),
        (asked("x", "label_selection", list(map(str, range(10_001)))), "more than 10000"),
        (asked("x", "rating", ["one", None, 2]), "single rating"),
        (asked("x", "rating", list(range(200))), "200 ratings"),
        (asked("x", "rating", [1, 10**400]), "beyond"),
        (asked("x", "rating", [{"value": [1]}, {}]), "single rating"),
        (asked("x", "ranking", ["a" * 200, "b" * 200, "c"]), "characters"),
        (asked("x", "span", ["a"], field=["text"]), "no text field"),
        (3, "settings"),
    ],
)
def test_one_question_that_cannot_be_read_is_named_and_costs_no_other(question: Any, reason: str) -> None:
    found = layout(question, asked("fine", "rating", [1, 2, 3]))
    assert [one.name for one in found.questions] == ["fine"]
    (unlearnt,) = found.unlearnt
    assert reason in unlearnt.reason
    assert len(unlearnt.name) <= 255
    json.dumps([unlearnt.name, unlearnt.reason], ensure_ascii=False).encode()


def test_one_field_that_cannot_be_read_is_named_and_costs_no_other() -> None:
    odd = [{"name": "a"}, 3, {"settings": {"type": "text"}}, field("\ud800", "text"), field("b", "table")]
    found = layout(asked("mood", "label_selection", ["a", "b"]), fields=[*odd, *FIELDS])
    assert list(found.read) == ["field 3", "text"]
    assert len(found.unlearnt) == 4


def test_an_option_that_cannot_be_learnt_costs_its_question_nothing() -> None:
    options = ["a", "", {"text": "no value"}, "b" * 1001, "a", 3, {"value": "c"}, "$d"]
    found = layout(asked("mood", "label_selection", options))
    assert found.questions[0].values == ("a", "3", "c", "$d")
    assert [one.name for one in found.unlearnt] == ["some options of mood"]


@pytest.mark.parametrize(
    ("kind", "said", "answer"),
    [
        ("label_selection", "Good", "good"),
        ("label_selection", "bad", "bad"),
        ("multi_label_selection", ["Good", "good", "bad"], ["good", "bad"]),
        ("span", [{"start": 0, "end": 1, "label": "Good"}], [{"start": 0, "end": 1, "label": "good"}]),
    ],
)
def test_an_option_is_known_by_its_value_and_by_what_people_see(kind: str, said: Any, answer: Any) -> None:
    options = [{"value": "good", "text": "Good"}, {"value": "bad", "text": "good"}]
    (control,) = layout(asked("mood", kind, options, field="text")).controls
    example = Example(key="1", fields={"text": "fine"})
    assert decode(control, {"mood": {"value": said}}, example) == ({"mood": answer}, [])


def test_ranks_and_ratings_are_known_by_what_people_see() -> None:
    options = [{"value": "a", "text": "First"}, {"value": "b", "text": "Second"}]
    best, stars = layout(asked("best", "ranking", options), asked("stars", "rating", [1, 2, 3])).controls
    example = Example(key="1", fields={"text": "fine"})
    ranked = [{"value": "First", "rank": 2}, {"value": "b", "rank": 1}]
    assert decode(best, {"best": {"value": ranked}}, example) == ({"best": "b"}, [])
    assert decode(stars, {"stars": {"value": "3"}}, example) == ({"stars": 3}, [])


def test_of_two_questions_with_one_name_the_first_is_learnt() -> None:
    found = layout(asked("best", "ranking", ["a", "b", "c"]), asked("best: a or b", "rating", [1, 2]))
    assert [one.name for one in found.questions] == ["best: a or b", "best: a or c", "best: b or c"]
    (unlearnt,) = found.unlearnt
    assert "another question" in unlearnt.reason
