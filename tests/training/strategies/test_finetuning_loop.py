from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labelwheel.training import batches, encoders
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.strategies import finetuning_loop
from labelwheel.training.strategies.problem import Problem
from tests.training.models import choice, rows, tiny_bert


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"))


def prepared(base: Path) -> tuple[Any, Any, Problem]:
    asked = choice()
    kind = kind_of(asked)
    model, tokenizer = encoders.load(str(base), kind.config(asked))
    return model, tokenizer, Problem.build(asked, kind, rows(2), tokenizer, 32)


def losses(model: Any, problem: Problem) -> float:
    logits = batches.forward(model, problem.encodings, 0)
    values, targets, _ = problem.stack(range(len(problem)), logits)
    return float(problem.objective.losses(values, targets).mean())


FAST = finetuning_loop.Settings(epochs=5, rate=1e-3, head_rate=0.1, batch_size=8)


def test_it_learns_and_leaves_the_mean_and_the_table_of_tokens_alone(base: Path) -> None:
    model, _, problem = prepared(base)
    before, start = losses(model, problem), {name: value.clone() for name, value in model.state_dict().items()}
    shares: list[float] = []
    history = finetuning_loop.train(
        model, problem, range(len(problem)), 0, FAST, feature_norm=0.1, progress=shares.append
    )
    assert losses(model, problem) < before * 0.8
    assert not model.training
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, start[name])}
    assert "classifier.weight" in changed
    assert any(".layer.0." in name for name in changed)
    assert not any(".layer.2." in name or "word_embeddings" in name for name in changed)
    assert [point.epoch for point in history.epochs] == [1, 2, 3, 4, 5]
    assert all(point.train_loss is not None for point in history.epochs)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_it_ends_as_it_was_after_its_best_epoch(base: Path) -> None:
    model, _, problem = prepared(base)
    given = iter([0.9, 0.3, 0.5, 0.4, 0.1])
    states = []

    def measure(model: Any) -> tuple[float, float, float]:
        assert not model.training
        states.append(model.classifier.weight.detach().clone())
        return 1.0, 0.5, next(given)

    history = finetuning_loop.train(model, problem, range(len(problem)), 0, FAST, feature_norm=1.0, measure=measure)
    assert (history.best, len(history.epochs)) == (2, 4)  # two were worse, so that there is no fifth
    assert torch.equal(model.classifier.weight, states[1])


def test_stopping_after_some_epochs_is_the_same_as_having_stopped_early(base: Path) -> None:
    found = []
    given = iter([0.9, 0.3, 0.5, 0.5])
    for fields in ({"stop_after": 2}, {"measure": lambda model: (0.0, 0.0, next(given))}):
        model, _, problem = prepared(base)
        finetuning_loop.train(model, problem, range(len(problem)), 0, FAST, feature_norm=1.0, **fields)  # type: ignore[arg-type]
        found.append(model.classifier.weight.detach().numpy())
    assert np.array_equal(*found)


def test_it_stops_when_time_is_up(base: Path) -> None:
    model, _, problem = prepared(base)
    history = finetuning_loop.train(
        model, problem, range(len(problem)), 0, FAST, feature_norm=1.0, deadline=time.monotonic() - 1
    )
    assert not history.complete
    assert not history.epochs


def test_batches_that_are_accumulated_learn_as_whole_ones_do(base: Path) -> None:
    found = []
    for settings in (FAST, replace(FAST, batch_size=2, accumulation=4)):
        model, _, problem = prepared(base)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        model.config.attention_probs_dropout_prob = 0.0
        finetuning_loop.train(model, problem, range(len(problem)), 0, settings, feature_norm=1.0, stop_after=1)
        found.append(model.classifier.weight.detach().numpy())
    assert found[0] == pytest.approx(found[1], abs=5e-3)


def test_batches_give_every_row_what_it_would_get_alone(base: Path) -> None:
    model, tokenizer, _ = prepared(base)
    texts = ["a " * 60, "b", "how are you today", ""]
    encodings = [Encoding(index, ids) for index, ids in enumerate(tokenizer(texts)["input_ids"])]
    together = batches.forward(model, encodings, 0, batch_size=4)
    alone = [batches.forward(model, [encoding], 0)[0] for encoding in encodings]
    assert np.stack(together) == pytest.approx(np.stack(alone), abs=1e-5)
    assert batches.forward(model, [], 0) == []
