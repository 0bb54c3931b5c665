import math

import pytest

from labelwheel.backend.serving import guard
from labelwheel.training.questions import Example, Kind, Option, Prediction
from tests.backend.serving.fakes import example, question

SPANS = question(kind=Kind.SPANS, options=(Option(value="A"), Option(value="B")))
CHOICES = question(kind=Kind.CHOICES)
TAXONOMY = question(kind=Kind.TAXONOMY, options=(Option(value="Animals › Dog"), Option(value="Plants")))


def span(start, end, label="A"):
    return {"start": start, "end": end, "label": label}


def test_what_fits_leaves_unchanged():
    prediction = Prediction(answer="good", score=0.5)
    assert guard.clean(question(), example(), prediction) == (prediction, 0)


@pytest.mark.parametrize("answer", ["unknown", 3, {"a": 1}, ["good"]])
def test_an_answer_that_does_not_fit_becomes_nothing(answer):
    assert guard.clean(question(), example(), Prediction(answer=answer, score=0.5)) == (Prediction(), 1)


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_no_number_takes_the_answer_with_it(score):
    assert guard.clean(question(), example(), Prediction(answer="good", score=score)) == (Prediction(), 1)


def test_scores_stay_within_zero_and_one():
    assert guard.clean(question(), example(), Prediction(answer="good", score=1.0000001))[0].score == 1.0


def test_bad_spans_go_good_ones_keep_their_scores():
    answer = [span(3, 5), span(0, 2, "B"), span(4, 99), span(1, 1), span(0, 1, "C"), {"start": 1}]
    prediction = Prediction(answer=answer, score=0.9, item_scores=(0.3, 0.2, 0.9, 0.9, 0.9, 0.9))
    cleaned, dropped = guard.clean(SPANS, example("hello"), prediction)
    assert cleaned.answer == [span(0, 2, "B"), span(3, 5)]
    assert cleaned.item_scores == (0.2, 0.3)
    assert dropped == 4


def test_when_all_items_are_bad_nothing_is_said():
    assert guard.clean(CHOICES, example(), Prediction(answer=["x", "y"], score=0.5)) == (Prediction(), 2)


def test_an_empty_list_is_an_answer():
    assert guard.clean(CHOICES, example(), Prediction(answer=[], score=0.5))[0].answer == []


def test_item_scores_follow_their_items_into_the_canonical_order():
    prediction = Prediction(answer=["bad", "good"], score=0.5, item_scores=(0.1, 0.9))
    cleaned, _ = guard.clean(CHOICES, example(), prediction)
    assert (cleaned.answer, cleaned.item_scores) == (["good", "bad"], (0.9, 0.1))


def test_taxonomy_paths_that_nobody_knows_go():
    prediction = Prediction(answer=[["Plants"], ["Animals", "Cat"], ["Animals", "Dog"]], score=0.5)
    cleaned, dropped = guard.clean(TAXONOMY, example(), prediction)
    assert (cleaned.answer, dropped) == ([["Animals", "Dog"], ["Plants"]], 1)


@pytest.mark.parametrize(("text", "expected"), [("", False), (" \n\t", False), ("hi", True), ("x" * 101, False)])
def test_only_readable_texts_are_asked_about(text, expected):
    assert guard.readable(question(), example(text), 100) is expected


def test_half_surrogates_are_replaced_one_for_one():
    torn = Example.model_construct(key="1", fields={"text": "a\ud83d b"})
    assert guard.encodable(torn).fields["text"] == "a\ufffd b"
    whole = example("a 👟 b")
    assert guard.encodable(whole) is whole


def test_spans_of_low_score_are_hidden_which_is_no_fault_and_so_are_whole_answers():
    prediction = Prediction(answer=[span(0, 2), span(3, 5)], score=0.1, item_scores=(0.18, 0.84))
    cleaned, dropped = guard.clean(SPANS, example("hello"), prediction, hide_below=0.25)
    assert (cleaned.answer, cleaned.item_scores, cleaned.score, dropped) == ([span(3, 5)], (0.84,), 0.1, 0)
    for asked, answer in ((question(), "good"), (CHOICES, ["good"])):
        weak = Prediction(answer=answer, score=0.05, item_scores=(0.05,) if asked is CHOICES else ())
        assert guard.clean(asked, example(), weak, hide_below=0.25) == (guard.NOTHING, 0)
        assert guard.clean(asked, example(), weak, hide_below=0.05) == (weak, 0)
