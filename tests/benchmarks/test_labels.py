"""Ways of learning that are compared: none looks at the answers of texts that it is not given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks import texts
from benchmarks.labels.field import Field
from benchmarks.labels.layers import LAYERS, pooled
from benchmarks.labels.loop import ANEW, Loop
from benchmarks.labels.methods import METHODS
from benchmarks.rounds import Stage, stage
from demo import messages
from labelwheel.training.heads.layered import unit
from labelwheel.training.questions import Prediction
from labelwheel.training.strategies.base import Cost

TEST = range(60, 80)


@pytest.fixture(scope="module")
def field() -> Field:
    rows = [{"text": row["text"], "label": row["topic"]} for row in messages.rows()][:80]
    return Field(stage(texts.question(rows), rows), range(60))


def answers(field: Field, method: str, order: Sequence[int], places: Sequence[int] = range(80)) -> list[Prediction]:
    """What a method says after all of some labels."""
    (found,) = METHODS[method](field, order, [len(order)], 0)
    assert found.labels == len(order)
    return found.answer(places)


def blind(field: Field, known: int) -> Field:
    """The same texts, whose answers from some place on are of other texts."""
    rows = list(field.stage.rows)
    others = np.random.default_rng(1).permutation(np.arange(known, len(rows)))
    for place, other in zip(range(known, len(rows)), others, strict=True):
        rows[place] = rows[place].model_copy(update={"answer": field.stage.rows[other].answer})
    other_stage = Stage.__new__(Stage)
    vars(other_stage).update(vars(field.stage), rows=rows)
    return Field(other_stage, field.pool)


def test_the_last_of_the_layers_is_what_the_head_reads(field: Field) -> None:
    means = pooled(field.stage.base, field.stage.encodings, field.stage.tokenizer.pad_token_id)
    assert means.shape == (80, len(LAYERS), 384)
    assert (unit(means[:, -1]) * field.last).sum(axis=1).min() > 0.99


@pytest.mark.parametrize("name", ["names", "frozen + LR", "several layers", "fast lane", "round, quick", "ours, quick"])
def test_a_method_answers_better_than_the_commonest_label_and_reads_no_other_answer(name: str, field: Field) -> None:
    said = answers(field, name, range(32))
    assert len(said) == 80
    assert field.score(TEST, said[60:]) > np.bincount(field.gold[list(TEST)]).max() / 20
    other = answers(blind(field, 32), name, range(32))
    assert [one.answer for one in other] == [one.answer for one in said]
    assert [one.score for one in other] == pytest.approx([one.score for one in said])


def test_what_is_kept_apart_teaches_nothing(field: Field) -> None:
    other, labelled = Field(field.stage, field.pool), list(range(32))
    other.layers = np.concatenate([field.layers[:60], np.random.default_rng(1).normal(size=(20, 1152))])
    found, wanted = (answers(each, "several layers", labelled, range(60)) for each in (other, field))
    assert [one.answer for one in found] == [one.answer for one in wanted]
    assert [one.score for one in found] == pytest.approx([one.score for one in wanted])


@pytest.fixture(scope="module")
def several() -> Field:
    """Messages with their topic as a label, and another one where they have an amount."""
    rows = [
        {"text": row["text"], "labels": [row["topic"], *({span["label"] for span in row["spans"]} & {"Amount"})]}
        for row in messages.rows()[:80]
    ]
    return Field(stage(texts.question(rows), rows), range(60))


@pytest.mark.parametrize("name", ["names", "frozen + LR", "fast lane", "round, quick", "ours, quick"])
def test_a_method_answers_with_several_labels(name: str, several: Field) -> None:
    said = answers(several, name, range(60), TEST)
    found = several.score(TEST, said)
    assert 0 < found <= 1
    assert several.right(TEST, said) <= found
    assert all(set(one.answer or ()) <= set(several.stage.question.values) for one in said)


def test_what_cannot_learn_several_labels_is_left_out(several: Field) -> None:
    assert not list(METHODS["several layers"](several, range(60), [16, 60], 0))


def test_ours_begins_with_the_names_and_its_seconds_add_up(field: Field) -> None:
    found = list(METHODS["ours, quick"](field, range(40), [0, 8, 40], 0))
    (names,) = METHODS["names"](field, range(40), [0], 0)
    assert [one.labels for one in found] == [0, 8, 40]
    first, named = found[0].answer(TEST), names.answer(TEST)
    assert [one.answer for one in first] == [one.answer for one in named]
    assert [one.score for one in first] == pytest.approx([one.score for one in named])
    assert found[0].cpu_seconds <= found[1].cpu_seconds < found[2].cpu_seconds


def test_in_order_each_text_is_labelled_once_and_the_next_are_those_that_help(field: Field) -> None:
    loop = Loop(field, 0, Cost.SECONDS)
    seen = list[int]()
    for _ in range(6):
        following = loop.next()
        assert len(following) == ANEW
        assert not set(following) & set(seen)
        for place in following:
            loop.label(place)
        seen += following
    assert set(seen) <= set(field.pool)
    answered = {one.answer for one in loop.answer()(TEST)}
    assert len(answered) > 1
