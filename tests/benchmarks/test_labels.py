"""Ways of learning that are compared: none looks at the answers of texts that it is not given."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import texts
from benchmarks.labels.layers import LAYERS, pooled
from benchmarks.labels.methods import METHODS, Field
from benchmarks.rounds import stage
from demo import messages
from labelwheel.training.heads.layered import unit


@pytest.fixture(scope="module")
def field() -> Field:
    rows = [{"text": row["text"], "label": row["topic"]} for row in messages.rows()][:80]
    return Field(stage(texts.question(rows), rows), range(60))


def test_the_last_of_the_layers_is_what_the_head_reads(field: Field) -> None:
    means = pooled(field.stage.base, field.stage.encodings, field.stage.tokenizer.pad_token_id)
    assert means.shape == (80, len(LAYERS), 384)
    assert (unit(means[:, -1]) * field.last).sum(axis=1).min() > 0.99


@pytest.mark.parametrize("name", ["names", "frozen + LR", "several layers", "fast lane", "ours, quick"])
def test_a_method_answers_better_than_the_commonest_label_and_reads_no_other_answer(name: str, field: Field) -> None:
    labelled, test = list(range(32)), slice(60, None)
    logits = METHODS[name](field, labelled, 0)
    assert logits.shape == (80, field.classes)
    right = (logits[test].argmax(axis=1) == field.gold[test]).mean()
    assert right > np.bincount(field.gold[test]).max() / 20
    blind = Field(field.stage, field.pool)
    blind.gold = np.concatenate([field.gold[:32], np.random.default_rng(1).permutation(field.gold[32:])])
    assert METHODS[name](blind, labelled, 0) == pytest.approx(logits)


def test_what_is_kept_apart_teaches_nothing(field: Field) -> None:
    other, labelled = Field(field.stage, field.pool), list(range(32))
    other.layers = np.concatenate([field.layers[:60], np.random.default_rng(1).normal(size=(20, 1152))])
    found, wanted = (METHODS["several layers"](each, labelled, 0)[:60] for each in (other, field))
    assert found == pytest.approx(wanted)
