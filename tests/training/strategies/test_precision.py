from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from labelwheel.training import encoders
from labelwheel.training.kinds import kind_of
from labelwheel.training.strategies import finetuning_loop, precision
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


def test_what_is_possible_has_float32_first() -> None:
    assert precision.possible("cpu")[0] == "float32"


@pytest.mark.gpu
def test_a_card_takes_its_time_in_either(base: Path) -> None:
    made = tuned(base)
    start = made.start
    made.start = lambda: start().to("cuda")
    assert precision.possible("cuda") == ("float32", "bfloat16")
    assert made.step_seconds() > 0
