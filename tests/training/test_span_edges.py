"""Outer white space, which people drag along, is no part of what is learnt or compared; the ledger keeps it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwheel.training.evaluation import metrics
from labelwheel.training.kinds.spans import Spans
from labelwheel.training.questions import Example, Kind, Option, Prediction, Question
from labelwheel.training.span_edges import bare, natural

LEARNER = Spans()
QUESTION = Question(name="who", kind=Kind.SPANS, inputs=("text",), options=(Option(value="PER"), Option(value="ORG")))


def span(start, end, label="PER"):
    return {"start": start, "end": end, "label": label}


def example(text):
    return Example(key="1", fields={"text": text})


@pytest.mark.parametrize(
    ("text", "marked", "edges"),
    [
        ("so Jane, said", (2, 7), (3, 7)),
        ("so Jane said", (3, 8), (3, 7)),
        ("so\xa0Jane\u3000said", (2, 8), (3, 7)),
        ("so \u200bJane\u200e said", (2, 9), (4, 8)),  # what nobody sees
        ("\ufeffJane", (0, 5), (1, 5)),
        ("cafe\u0301 Jane", (0, 4), (0, 5)),  # an accent is never cut off
        ("👩‍👩‍👧 Jane", (0, 1), (0, 5)),
        ("so   said", (2, 5), (2, 5)),  # nothing else: there is nothing to trim it to
        ("Jane", (0, 4), (0, 4)),
    ],
)
def test_the_edges_that_are_compared(text, marked, edges):
    assert natural(text, *marked) == edges


@given(st.text(st.sampled_from(" a\u0301\u200b\u200d👩\n.\r"), max_size=12), st.integers(0, 12), st.integers(0, 12))
def test_natural_edges_stay_as_they_are(text, one, other):
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    if start == end:
        return
    found = natural(text, start, end)
    assert 0 <= found[0] < found[1] <= len(text)
    assert natural(text, *found) == found
    if bare(text, start, end)[0] < bare(text, start, end)[1]:
        assert text[found[0] : found[1]].strip() == text[found[0] : found[1]]


def test_a_class_that_is_marked_with_white_space_scores_all_the_same():
    """Each of twenty was `PER (other edges)`, and the class scored 0."""
    one = example("so Jane Doe said")
    gold, given = [span(2, 12)], Prediction(answer=[span(3, 11)], item_scores=(0.9,), score=0.9)
    score = LEARNER.score(QUESTION, one, gold, given)
    assert (score.loss, score.units["PER"].true_positives) == (0.0, 1)
    assert LEARNER.score(QUESTION, one, [span(2, 12), span(3, 11)], given).loss == 0.0  # the same twice
    assert LEARNER.score(QUESTION, one, [span(2, 12, "ORG")], given).loss == 1.0
    golds = [QUESTION.comparable(gold, one)]
    assert metrics.summary(QUESTION, golds, [given])["span_f1"] == 1.0
    assert metrics.confusions(QUESTION, golds, [given]) == []


def test_other_kinds_and_no_answer_are_compared_as_they_are():
    choice = Question(name="c", kind=Kind.CHOICE, inputs=("text",), options=(Option(value=" a"),))
    assert choice.comparable(" a", example("x")) == " a"
    assert QUESTION.comparable(None, example("x")) is None
    assert QUESTION.comparable([], example("x")) == []
