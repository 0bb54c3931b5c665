"""What is there for long is left out of Python's search for garbage, and what is gone is found all the same."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from labelwheel.backend.serving.engines import memory


class Node:
    """Something that holds itself, as the parts of a model do."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.freeze()


def test_what_has_settled_is_not_looked_at_until_memory_is_released() -> None:
    gc.unfreeze()
    node = Node()
    gone = weakref.ref(node)
    memory.settle()
    assert gc.get_freeze_count() > 0
    del node
    gc.collect()
    assert gone() is not None
    memory.release()
    assert gone() is None
    assert gc.get_freeze_count() > 0
    assert len(gc.get_objects()) < gc.get_freeze_count() / 10
