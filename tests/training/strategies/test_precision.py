from __future__ import annotations

import copy
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labelwheel.training import batches, encoders
from labelwheel.training.kinds import kind_of
from labelwheel.training.onnx_export import graph
from labelwheel.training.onnx_export.session import Session
from labelwheel.training.strategies import contrastive_loop, finetuning_loop, precision
from labelwheel.training.strategies.finetuning import FineTuned
from labelwheel.training.strategies.problem import Problem
from tests.training.models import choice, rows, tiny_bert


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"))


def tuned(base: Path) -> FineTuned:
    asked = choice()
    kind = kind_of(asked)
    model, tokenizer = encoders.load(str(base), kind.config(asked))
    problem = Problem.build(asked, kind, rows(2), tokenizer, 32)
    settings = finetuning_loop.Settings(epochs=4, rate=1e-3, head_rate=0.1, batch_size=8)
    return FineTuned("tuned", problem, lambda: copy.deepcopy(model), None, 0, 0.1, settings, time.monotonic() + 600)


def dtypes(model: Any) -> set[torch.dtype]:
    """Of what the head gives while it learns, filled in as it does."""
    seen: set[torch.dtype] = set()
    encoders.head(model).register_forward_hook(lambda module, inputs, output: seen.add(output.dtype))
    return seen


def test_a_step_is_taken_in_what_is_fastest(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "possible", lambda device: ("float32", "bfloat16"))
    for slow, fast in (("float32", "bfloat16"), ("bfloat16", "float32")):
        made = tuned(base)
        monkeypatch.setattr(made, "_seconds", lambda model, each, slow=slow: 2.0 if each == slow else 1.0)
        assert made.step_seconds() == pytest.approx(1.15)
        assert made.settings.precision == fast


def test_it_learns_in_bfloat16_and_its_weights_stay_float32(base: Path) -> None:
    made = tuned(base)
    settings = finetuning_loop.Settings(epochs=4, rate=1e-3, head_rate=0.1, batch_size=8, precision="bfloat16")
    model = made.start()
    seen = dtypes(model)
    history = finetuning_loop.train(model, made.problem, range(len(made.problem)), 0, settings, feature_norm=0.1)
    assert seen == {torch.bfloat16}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    losses = [point.train_loss for point in history.epochs]
    assert losses[-1] is not None
    assert losses[0] is not None
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("way", ["fine-tuning", "contrast"])
def test_what_has_learnt_in_bfloat16_answers_and_is_exported_in_float32(base: Path, tmp_path: Path, way: str) -> None:
    made = tuned(base)
    texts, model = made.problem.encodings, made.start()
    if way == "contrast":
        halves = {half: [each.input_ids for each in texts[half::2]] for half in (0, 1)}
        settings = contrastive_loop.Settings(2, precision="bfloat16")
        contrastive_loop.train(model, contrastive_loop.Classes(halves, {}), 0, settings)
    else:
        tuning = replace(made.settings, epochs=1, precision="bfloat16")
        finetuning_loop.train(model, made.problem, range(len(made.problem)), 0, tuning, feature_norm=0.1)
    for learnt in (model, copy.deepcopy(model)):
        same = made.start()
        same.load_state_dict(learnt.state_dict())
        one, other = (batches.forward(each, texts, 0) for each in (learnt, same))
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        graph.export(learnt, tmp_path / "graph.onnx")
        Session(tmp_path / "graph.onnx", 0, 1)


def test_what_is_possible_has_float32_first() -> None:
    assert precision.possible("cpu")[0] == "float32"


@pytest.mark.gpu
def test_a_card_takes_its_time_in_either(base: Path) -> None:
    made = tuned(base)
    start = made.start
    made.start = lambda: start().to("cuda")
    assert precision.possible("cuda") == ("float32", "bfloat16")
    assert made.step_seconds() > 0
