"""The engine that is chosen for a checkpoint, and its queue; most tests here have ones of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labelwheel.backend.serving.engines.choice import ChosenEngine
from labelwheel.backend.serving.queue import InferenceQueue


@pytest.fixture
def engine() -> ChosenEngine:
    return ChosenEngine("auto", "cpu", 2)


@pytest.fixture
def queue(engine: ChosenEngine) -> Iterator[InferenceQueue]:
    queue = InferenceQueue(engine)
    yield queue
    queue.close()
