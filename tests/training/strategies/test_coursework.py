"""What another process is told of a training is what the first one trains on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labelwheel.training import encoders
from labelwheel.training.errors import InvalidJob
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Question
from labelwheel.training.ranks import blueprint
from labelwheel.training.ranks.group import Order
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.strategies import adapters, coursework, finetuning_loop, memory_ladder, soft_targets
from labelwheel.training.strategies.class_batches import Classes
from labelwheel.training.strategies.problem import Problem
from tests.training.models import choice, tiny_bert

TEXTS = ["will it rain in Oslo", "play some jazz", "book a table for two please", "is it sunny", "next song", "a pizza"]
OPTIONS = [{"value": "a"}, {"value": "b"}, {"value": "c"}]
KINDS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "choice": ({"inputs": ["text"], "options": OPTIONS}, ["a", "b", "c", "a", "b", "a"]),
    "choices": ({"inputs": ["text"], "options": OPTIONS}, [["a"], ["b", "c"], [], ["c"], ["a"], ["a", "b"]]),
    "spans": (
        {"inputs": ["text"], "options": OPTIONS},
        [[{"start": 0, "end": 4, "label": "a"}], [], [{"start": 0, "end": 4, "label": "b"}], [], [], []],
    ),
    "rating": ({"inputs": ["text"], "minimum": 1, "maximum": 3}, [1, 2, 3, 1, 2, 3]),
    "number": ({"inputs": ["text"]}, [1.5, 2.0, -3.0, 4.0, 0.5, 7.0]),
    "pairwise": ({"inputs": ["text", "other"]}, ["left", "right", "left", "left", "right", "left"]),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"))


def problem(base: Path, kind: str) -> tuple[Any, Any, Problem]:
    fields, answers = KINDS[kind]
    asked = Question.model_validate({"name": "q", "kind": kind, **fields})
    rows = [
        LabelledExample(
            example=Example(key=text, fields={"text": text, "other": text[::-1]}),
            answer=asked.check(answer, Example(key=text, fields={"text": text, "other": text[::-1]})),
            part=Part.TRAIN, group=text, fresh=True,
        )
        for text, answer in zip(TEXTS, answers, strict=True)
    ]  # fmt: skip
    known = kind_of(asked)
    model, tokenizer = encoders.load(str(base), known.config(asked), known.auto_class)
    return model, tokenizer, Problem.build(asked, known, rows, tokenizer, 32)


def sent(order: Order) -> Order:
    """As it arrives: the head has been text."""
    head, arrays = order
    return json.loads(json.dumps(head)), {name: each.copy() for name, each in arrays.items()}


def same(one: Problem, indices: list[int], other: Problem) -> None:
    batches = [
        finetuning_loop.collate(each, chosen, 0) for each, chosen in ((one, indices), (other, range(len(indices))))
    ]
    assert batches[0].keys() == batches[1].keys()
    for name, values in batches[0].items():
        assert values.dtype == batches[1][name].dtype, name
        assert torch.equal(values, batches[1][name]), name
    weights = [
        each.objective.weights([each.targets[place] for place in each.encoded(chosen)], len(each.id2label))
        for each, chosen in ((one, indices), (other, range(len(indices))))
    ]
    assert np.array_equal(*weights) if weights[0] is not None else weights[1] is None


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_batches_are_the_same(base: Path, kind: str) -> None:
    model, _, found = problem(base, kind)
    indices = [4, 0, 2, 1]
    other = coursework.to_problem(sent(coursework.of_problem(found, indices)))
    same(found, indices, other)
    assert type(other.objective) is type(found.objective)
    batch = finetuning_loop.collate(found, indices, 0)
    labels, logits = batch.pop("labels"), model(**batch).logits
    losses = [float(each.objective.torch_loss(logits, labels, None)) for each in (found, other)]
    assert losses[0] == losses[1]


def test_what_a_larger_model_said_comes_along(base: Path) -> None:
    _, tokenizer, found = problem(base, "choice")
    texts = [Example(key="x", fields={"text": "never seen"})]
    rows = [Encoding(0, tokenizer("never seen")["input_ids"])]
    said = np.array([[0.1, 0.7, 0.2]], dtype=np.float32)
    taught = soft_targets.softened(found, [0, 2, 3], {2: np.ones(3, dtype=np.float32)}, texts, rows, said)
    other = coursework.to_problem(sent(coursework.of_problem(taught, range(4))))
    same(taught, [0, 1, 2, 3], other)
    labels = finetuning_loop.collate(taught, range(4), 0)["labels"]
    logits = torch.randn(4, 3)
    losses = [float(each.objective.torch_loss(logits, labels, None)) for each in (taught, other)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("names", [{}, {0: [101, 7, 102], 2: [101, 102]}])
def test_classes_draw_the_same_batches(names: dict[int, list[int]]) -> None:
    found = Classes({2: [[101, 5, 102], [101, 102]], 0: [[101, 9, 9, 102]] * 3}, names)
    other = coursework.to_classes(sent(coursework.of_classes(found)))
    drawn = [next(each.batches(8, 3)) for each in (found, other)]
    assert [list(row) for row in drawn[0][0]] == drawn[1][0]
    assert drawn[0][1] == drawn[1][1]


def test_a_model_is_built_from_what_is_said_of_it(base: Path) -> None:
    model, _, _ = problem(base, "spans")
    for each in (model, adapters.fresh(model, 1)):
        other = blueprint.build(json.loads(json.dumps(blueprint.of(each))), "cpu")
        shapes = [{name: p.shape for name, p in one.named_parameters()} for one in (each, other)]
        assert shapes[0] == shapes[1]
    memory_ladder.checkpoint(model)
    again = blueprint.build(json.loads(json.dumps(blueprint.of(model))), "cpu")
    assert any(getattr(module, "gradient_checkpointing", False) for module in again.modules())


def test_a_model_that_is_not_what_its_configuration_says_stays_where_it_is() -> None:
    asked = choice()
    model, _ = encoders.load(None, kind_of(asked).config(asked))
    blueprint.of(model)
    model.classifier = torch.nn.Linear(model.config.hidden_size, 7)
    with pytest.raises(InvalidJob, match="has other weights than its configuration says"):
        blueprint.of(model)
