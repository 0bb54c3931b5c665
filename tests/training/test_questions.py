"""What an answer to each kind of question is, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.questions import Example, Kind, Option, Question, answer_line, item_line

EXAMPLE = Example(key="1", fields={"text": "👩‍👧 Jane met Bob", "left": "one", "right": "two"})
OPTIONS = (Option(value="PER"), Option(value="ORG", hint="companies"))


def question(kind: Kind, **changes: object) -> Question:
    inputs = ("left", "right") if kind is Kind.PAIRWISE else ("text",)
    options = OPTIONS if kind in (Kind.CHOICE, Kind.CHOICES, Kind.SPANS) else ()
    return Question(**{"name": "q", "kind": kind, "inputs": inputs, "options": options, **changes})


ANIMALS = question(Kind.TAXONOMY, options=(Option(value="Plants"), Option(value="Animals › Dog")))
STARS = question(Kind.RATING, minimum=1, maximum=5)


@pytest.mark.parametrize(
    ("asked", "answer", "canonical"),
    [
        (question(Kind.CHOICE), "PER", "PER"),
        (question(Kind.CHOICES), ["ORG", "PER", "ORG"], ["PER", "ORG"]),
        (question(Kind.CHOICES), [], []),
        (ANIMALS, [["Animals", "Dog"], ["Plants"]], [["Plants"], ["Animals", "Dog"]]),
        (STARS, 4.0, 4),
        (question(Kind.NUMBER), -2.5, -2.5),
        (question(Kind.PAIRWISE), "left", "left"),
        (
            question(Kind.SPANS),
            [{"start": 13, "end": 16, "label": "PER", "text": "Bob"}, {"start": 4, "end": 8, "label": "PER"}],
            [{"start": 4, "end": 8, "label": "PER"}, {"start": 13, "end": 16, "label": "PER"}],
        ),
    ],
)
def test_an_answer_comes_back_in_its_canonical_form(asked: Question, answer: object, canonical: object) -> None:
    checked = asked.check(answer, EXAMPLE)
    assert checked == canonical
    assert type(checked) is type(canonical)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (question(Kind.CHOICE), "LOC"),
        (question(Kind.CHOICE), ["PER"]),
        (question(Kind.CHOICES), "PER"),
        (question(Kind.CHOICES), ["PER", 3]),
        (ANIMALS, [["Animals"]]),
        (ANIMALS, ["Plants"]),
        (STARS, 0),
        (STARS, 3.5),
        (STARS, True),
        (question(Kind.NUMBER), float("nan")),
        (question(Kind.NUMBER), "7"),
        (question(Kind.NUMBER, maximum=3), 4),
        (question(Kind.PAIRWISE), "both"),
        (question(Kind.SPANS), [{"start": 3, "end": 3, "label": "PER"}]),
        (question(Kind.SPANS), [{"start": 0, "end": 17, "label": "PER"}]),
        (question(Kind.SPANS), [{"start": 0, "end": True, "label": "PER"}]),
        (question(Kind.SPANS), [{"start": 0, "end": 2, "label": None}]),
        (question(Kind.SPANS), [None]),
    ],
)
def test_what_does_not_fit_is_refused_with_the_question_s_name(asked: Question, answer: object) -> None:
    with pytest.raises(InvalidAnswer, match="'q'"):
        asked.check(answer, EXAMPLE)


def test_spans_may_reach_to_the_last_code_point_and_no_further() -> None:
    length = len(EXAMPLE.fields["text"])
    asked = question(Kind.SPANS)
    assert asked.check([{"start": 0, "end": length, "label": "PER"}], EXAMPLE)
    with pytest.raises(InvalidAnswer):
        asked.check([{"start": 0, "end": length + 1, "label": "PER"}], EXAMPLE)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": Kind.SPANS, "inputs": ("a", "b")},
        {"kind": Kind.PAIRWISE, "inputs": ("a",)},
        {"kind": Kind.CHOICE, "options": ()},
        {"kind": Kind.CHOICE, "options": (Option(value="a"), Option(value="a"))},
        {"kind": Kind.RATING, "minimum": 5, "maximum": 5},
        {"kind": Kind.CHOICE, "inputs": ()},
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        question(Kind.CHOICE).model_validate({**question(Kind.CHOICE).model_dump(), **changes})


def test_the_digest_follows_what_a_checkpoint_must_fit() -> None:
    plain = question(Kind.CHOICE)
    assert question(Kind.CHOICE, prompt="other words").digest == plain.digest
    assert question(Kind.CHOICE, options=(Option(value="PER"),)).digest != plain.digest
    assert question(Kind.CHOICES).digest != plain.digest


def test_several_inputs_are_read_as_lines_and_missing_ones_left_out() -> None:
    asked = question(Kind.CHOICE, inputs=("left", "missing", "right"))
    assert asked.text(EXAMPLE) == "one\ntwo"
    assert question(Kind.PAIRWISE).texts(EXAMPLE) == ("one", "two")


def test_several_inputs_are_learnt_from_with_their_titles_and_compared_without() -> None:
    asked = question(Kind.CHOICE, inputs=("left", "missing", "right"), titles=("Question", "Notes", "Answer"))
    assert asked.texts(EXAMPLE) == ("Question: one\nAnswer: two",)
    assert asked.text(EXAMPLE) == "one\ntwo"
    assert asked.texts(Example(key="1", fields={"right": "two"})) == ("two",)
    assert question(Kind.CHOICE, inputs=("left",), titles=("Text",)).texts(EXAMPLE) == ("one",)
    assert asked.digest == question(Kind.CHOICE, inputs=asked.inputs).digest


@given(st.lists(st.sampled_from(["PER", "ORG"])))
def test_checking_twice_changes_nothing(answer: list[str]) -> None:
    asked = question(Kind.CHOICES)
    once = asked.check(answer, EXAMPLE)
    assert asked.check(once, EXAMPLE) == once


def test_a_question_survives_json() -> None:
    for asked in (ANIMALS, STARS, question(Kind.SPANS, prompt="¿qué?")):
        assert Question.model_validate_json(asked.model_dump_json()) == asked


@pytest.mark.parametrize(
    ("other", "like"),
    [
        (question(Kind.SPANS, name="other", inputs=("left",), options=OPTIONS[::-1], prompt="who?"), True),
        (question(Kind.SPANS, options=OPTIONS[:1]), False),
        (question(Kind.CHOICES), False),
    ],
)
def test_questions_are_alike_by_what_can_be_answered(other: Question, like: bool) -> None:
    assert question(Kind.SPANS).like(other) is other.like(question(Kind.SPANS)) is like


def test_ratings_are_alike_by_their_range() -> None:
    assert STARS.like(question(Kind.RATING, name="stars", minimum=1, maximum=5))
    assert not STARS.like(question(Kind.RATING, minimum=0, maximum=5))


def test_an_example_of_another_question_is_posed_as_the_same_texts() -> None:
    sides, others = {"inputs": ("left", "right")}, {"inputs": ("title", "body")}
    for asked in (question(Kind.CHOICE, **others), question(Kind.CHOICE, **others, titles=("Title", "Body"))):
        for other in (
            question(Kind.CHOICE),
            question(Kind.CHOICE, **sides),
            question(Kind.CHOICE, **sides, titles=("Left", "Right")),
            question(Kind.CHOICE, **sides, titles=("Title", "Body")),
            question(Kind.CHOICE, inputs=("left", "missing", "right"), titles=("Left", "Middle", "Right")),
        ):
            assert asked.texts(asked.posed(other, EXAMPLE)) == other.texts(EXAMPLE) != ("",)
    pair, other = question(Kind.PAIRWISE), question(Kind.PAIRWISE, inputs=("right", "left"))
    assert pair.texts(pair.posed(other, EXAMPLE)) == ("two", "one")


def test_answers_are_put_in_words_for_people() -> None:
    span = {"start": 4, "end": 8, "label": "city"}
    assert (answer_line("sport"), answer_line(3), answer_line([])) == ("sport", "3", "nothing")
    assert answer_line(["b", "a"]) == "b, a"
    assert answer_line([["Animals", "Dog"], ["Plants"]]) == "Animals › Dog, Plants"
    assert item_line(["Animals", "Dog"]) == "Animals › Dog"
    assert answer_line([span, span], "see Rome") == "city “Rome”, city “Rome”"
    assert item_line(span) == "city 4–8"
