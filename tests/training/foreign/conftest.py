"""Foreign models that do as they are told, by the bridge beside this."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labelwheel.training.foreign import model as foreign_models
from labelwheel.training.foreign.model import ForeignModel, digest

BRIDGE = (sys.executable, str(Path(__file__).with_name("bridge.py")))
Make = Callable[..., ForeignModel]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """`make(predict="hang")`, with fields of the model as `fields`."""

    def made(fields: dict[str, Any] | None = None, **wishes: str) -> ForeignModel:
        path = tmp_path / "wishes.json"
        path.write_text(json.dumps(wishes))
        usual = {"command": BRIDGE, "seconds": 5.0, "learn_seconds": 20.0, "memory_mb": 400.0}
        found = digest(path)
        assert found is not None
        return ForeignModel(path=str(path), attribute="Wish", sha256=found, **usual | (fields or {}))

    yield made
    foreign_models.name(())
