"""Text: canonical answers, how people agree, and what is measured."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.evaluation import metrics
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.free_text import UNAIDED, distance
from labelwheel.training.kinds.text import LONGEST, MOST
from labelwheel.training.questions import Example, Prediction, Question

ONE = Example(key="1", fields={"text": "Order 4711 to Berlin"})


def asked(maximum: int | None = 1) -> Question:
    return Question(name="said", kind="text", inputs=("text",), maximum=maximum)


def test_what_nobody_sees_is_no_part_of_an_answer() -> None:
    assert asked().check(" one\r\ntwo\rthree\x00\x07\tfour\ud800\x85 \n", ONE) == "one\ntwo\nthree\tfour"


def test_emoji_joiners_and_marks_stay_as_they_were_written() -> None:
    said = "👩‍💻 e\u0301 नमस्ते مرحبا"
    assert asked().check(said, ONE) == said


@pytest.mark.parametrize("answer", ["", " \n", "\x00", 3, None, ["a"], {"text": "a"}, "a" * (LONGEST + 1)])
def test_what_is_no_text_or_too_long_is_refused(answer: Any) -> None:
    with pytest.raises(InvalidAnswer, match="'said'"):
        asked().check(answer, ONE)


def test_the_longest_text_is_taken() -> None:
    assert asked().check("a" * LONGEST, ONE) == "a" * LONGEST


def test_several_texts_are_a_list_as_long_as_the_question_takes() -> None:
    assert asked(2).check(["b ", "", "a"], ONE) == ["b", "a"], "in the order in which they were given"
    assert asked(None).check(["a"] * MOST, ONE) == ["a"] * MOST
    for question, answer in ((asked(2), ["a", "b", "c"]), (asked(None), ["a"] * (MOST + 1)), (asked(2), []),
                             (asked(2), "a"), (asked(2), ["a", 3])):  # fmt: skip
        with pytest.raises(InvalidAnswer):
            question.check(answer, ONE)


@pytest.mark.parametrize("maximum", [0, -1, 1.5])
def test_an_answer_has_at_least_one_text(maximum: float) -> None:
    with pytest.raises(ValueError, match="at least one text"):
        Question(name="said", kind="text", inputs=("text",), maximum=maximum)


def test_people_agree_on_what_is_nearest_to_all_and_of_equal_ones_on_the_latest() -> None:
    kind = kind_of("text")
    assert kind.agree(["a blue car", "a blue cart", "something else"]) == "a blue cart"
    assert kind.agree(["a blue cart", "something else", "a blue car"]) == "a blue car"
    assert kind.agree(["one", "two"]) == "two"
    assert kind.agree([["a", "b"], ["a", "c"], ["a", "b"]]) == ["a", "b"]


def test_the_loss_is_the_share_that_has_to_be_changed() -> None:
    kind, question = kind_of("text"), asked()
    assert kind.score(question, ONE, "abcd", Prediction(answer="abcx")).loss == pytest.approx(0.25)
    assert kind.score(question, ONE, "abcd", Prediction(answer="wxyz")).loss == 1
    assert kind.score(question, ONE, "abcd", Prediction()).loss == UNAIDED
    assert distance(["a", "b"], "a\nb") == 0


def test_a_report_has_the_measures_of_the_field() -> None:
    question = asked()
    golds = ["the cat sat on the mat", "über die Brücke", "no answer here"]
    said = [Prediction(answer=golds[0]), Prediction(answer="über die Straße"), Prediction()]
    found = metrics.summary(question, golds, said)
    assert found["exact_match"] == pytest.approx(1 / 3)
    assert found["answered"] == pytest.approx(2 / 3)
    assert found["rouge_l"] == pytest.approx((1 + 2 / 3) / 3), "letters that English has not are letters"
    assert 0.4 < found["chrf"] < 0.9
    assert found["edit_distance"] == pytest.approx(distance(golds[1], "über die Straße") / 2)
    whole = metrics.summary(question, golds, [Prediction(answer=gold) for gold in golds])
    assert {name: round(value, 6) for name, value in whole.items()} == {
        "exact_match": 1, "chrf": 1, "rouge_l": 1, "edit_distance": 0, "answered": 1,
    }  # fmt: skip


def test_nothing_answered_is_measured_too() -> None:
    assert metrics.summary(asked(), ["a"], [Prediction()]) == {
        "exact_match": 0, "chrf": 0, "rouge_l": 0, "answered": 0,
    }  # fmt: skip
