"""Whether anybody still waits for what is being computed: what takes seconds asks now and then, and stops if not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from labelwheel.training.text_models.writing import Unwanted, always

__all__ = ["Unwanted", "on", "somebody"]

_asked: ContextVar[Callable[[], bool]] = ContextVar("somebody waits", default=always)


@contextmanager
def on(asked: Callable[[], bool]) -> Iterator[None]:
    """Inside, in this thread, `somebody` says what is `asked`; what computes may raise Unwanted where it says no."""
    token = _asked.set(asked)
    try:
        yield
    finally:
        _asked.reset(token)


def somebody() -> bool:
    """Whether somebody waits for what this thread computes."""
    return _asked.get()()
