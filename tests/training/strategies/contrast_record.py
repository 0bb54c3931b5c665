"""What contrast was tuned on, for tests that ask which texts were learnt from."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.training.strategies import contrastive_loop
from labelwheel.training.strategies.contrastive_loop import Classes


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Classes]:
    """A list that each training from now on adds its classes to before it begins."""
    found: list[Classes] = []
    real = contrastive_loop.train

    def train(module: Any, classes: Classes, *others: Any, **more: Any) -> Any:
        found.append(classes)
        return real(module, classes, *others, **more)

    monkeypatch.setattr(contrastive_loop, "train", train)
    return found
