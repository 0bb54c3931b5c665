"""A span's score is how often such spans are exactly right."""

from __future__ import annotations

import numpy as np
import pytest

from labelwheel.training.heads import span_sureness
from labelwheel.training.heads.span_sureness import Sureness
from labelwheel.training.questions import Example, Prediction, Question

QUESTION = Question.model_validate(
    {"name": "q", "kind": "spans", "inputs": ["text"], "options": [{"value": "A"}, {"value": "B"}]}
)


@pytest.mark.parametrize(
    ("slope", "shift", "score", "true"),
    [
        (1.0, float(np.log(3)), 0.5, 0.75),  # odds of 1 become 3
        (0.5, 0.0, 0.8, 2 / 3),  # odds of 4 become 2
        (2.0, 0.0, 0.8, 16 / 17),
        (1.0, 0.0, 0.123, 0.123),
        (1.0, 0.0, 1.0, 1.0),
    ],
)
def test_odds_are_moved_and_stretched(slope: float, shift: float, score: float, true: float) -> None:
    assert Sureness(slope, shift)(score) == pytest.approx(true)


def test_no_span_is_certain_or_impossible_once_scores_are_true() -> None:
    assert 0 < Sureness(30.0, 9.0)(0.0) < 1e-5
    assert 1 - 1e-5 < Sureness(30.0, 9.0)(1.0) < 1


def test_scores_become_the_share_that_is_right() -> None:
    """Four in ten of those that say .2 are right, and six in ten of those that say .8."""
    scores, right = [0.2] * 1000 + [0.8] * 1000, [True] * 400 + [False] * 600 + [True] * 600 + [False] * 400
    found = span_sureness.fit(scores, right)
    assert found(0.2) == pytest.approx(0.4, abs=0.02)
    assert found(0.8) == pytest.approx(0.6, abs=0.02)


def test_few_spans_change_little_and_fewer_nothing() -> None:
    few = span_sureness.fit([0.5] * 10, [True] * 10)
    many = span_sureness.fit([0.5] * 1000, [True] * 1000)
    assert 0.5 < few(0.5) < 0.98 < many(0.5)
    assert span_sureness.fit([0.5] * 9, [True] * 9) == Sureness()


def test_right_is_what_people_marked_with_its_edges_and_its_label() -> None:
    """Of twelve texts: white space that people took along does not count, another label or edge does."""
    text = "take Ann home"
    given = Prediction(answer=[{"start": 5, "end": 8, "label": "A"}], score=0.5, item_scores=(0.5,))

    def learnt(start: int, end: int, label: str) -> Sureness:
        examples = [Example(key=str(number), fields={"text": text}) for number in range(12)]
        gold = [{"start": start, "end": end, "label": label}]
        return span_sureness.learn(QUESTION, examples, [gold] * 12, [given] * 12)

    right = span_sureness.fit([0.5] * 12, [True] * 12)
    assert learnt(5, 8, "A") == learnt(5, 9, "A") == right
    assert learnt(5, 8, "B") == learnt(5, 13, "A") == span_sureness.fit([0.5] * 12, [False] * 12) != right
