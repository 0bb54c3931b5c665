"""Strategies that come along against the suite that other packages hold theirs against, and what it finds out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labelwheel.training.strategies.base import Finished, Strategy
from labelwheel.training.strategies.contrastive import Contrastive
from labelwheel.training.strategies.frozen_regression import FrozenRegression
from labelwheel.training.strategies.outcome import Outcome
from labelwheel.training.testing.strategies import StrategyConformance


@pytest.mark.slow
class TestOurs(StrategyConformance):
    @pytest.fixture(params=[FrozenRegression, Contrastive])
    def strategy(self, request: pytest.FixtureRequest) -> type[Strategy]:
        return request.param


class SpoilsTheBase(FrozenRegression):
    """Trains what it should copy."""

    def finish(self) -> Finished:
        with torch.no_grad():
            next(iter(self.given.base.parameters())).zero_()
        return super().finish()


class UnderAnotherName(FrozenRegression):
    """Says in its outcome that it is somebody else."""

    def measure(self) -> Outcome:
        found = super().measure()
        return Outcome("somebody else", found.problem, found.indices, found.logits)


class Unsure(FrozenRegression):
    """Its numbers are none."""

    def measure(self) -> Outcome:
        found = super().measure()
        broken = {place: row * np.nan for place, row in found.logits.items()}
        return Outcome(self.name, found.problem, found.indices, broken, settled={"temperature": 1.0})


@pytest.mark.parametrize("broken", [SpoilsTheBase, UnderAnotherName, Unsure])
def test_what_is_wrong_with_a_strategy_is_found_out(
    broken: type[Strategy], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises((AssertionError, ValueError)):
        StrategyConformance().test_a_round_tries_it_and_what_it_makes_is_a_plain_checkpoint(
            broken, tmp_path, monkeypatch
        )


def test_a_strategy_without_a_recipe_is_found_out() -> None:
    nameless: Any = type("Nameless", (FrozenRegression,), {"recipe": "not a word"})
    with pytest.raises(AssertionError):
        StrategyConformance().test_it_says_what_it_is(nameless)
