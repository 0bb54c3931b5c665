"""Ways of learning spans that are compared: on the same texts, and none reads an answer that it is not given."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.labels.span_methods import METHODS, SLOW, Field
from benchmarks.labels.span_sets import draw
from benchmarks.spans import DEMO
from labelwheel.training.kinds import kind_of


@pytest.fixture(scope="module")
def field() -> Field:
    drawn = draw(None, DEMO, 80, 0)
    return Field.of(drawn._replace(tests=drawn.tests[:60], golds=drawn.golds[:60]))


def test_features_are_of_three_layers_for_each_token(field: Field) -> None:
    for rows, features in (field.learnt, field.tested):
        assert [said.shape for said in features] == [(len(row.input_ids), 3 * 384) for row in rows]


@pytest.mark.parametrize("name", sorted(set(METHODS) - SLOW))
def test_a_method_finds_spans_and_reads_no_answer_of_a_test(name: str, field: Field) -> None:
    answers, spent = METHODS[name](field._replace(drawn=field.drawn._replace(golds=[])))
    kind = kind_of(field.drawn.question)
    pairs = zip(field.drawn.tests, field.drawn.golds, answers, strict=True)
    scores = [kind.score(field.drawn.question, *each) for each in pairs]
    assert kind.headline(scores) > 0.2
    assert np.isfinite(spent)
    assert spent > 0


def test_fewer_texts_of_a_seed_are_the_first_of_more() -> None:
    assert draw(None, DEMO, 20, 1).examples == draw(None, DEMO, 40, 1).examples[:20]
