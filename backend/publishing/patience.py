"""How long a first look at a place may take: libraries try a host that is not there again and again, for minutes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeVar

from labelwheel.backend.errors import PushFailed

FIRST_ANSWER = 30.0
"""Seconds that a place may take to say whether there is something: its library looks for credentials first."""

_Said = TypeVar("_Said")


def answered(place: str, ask: Callable[[], _Said]) -> _Said:
    """What `ask` gives, or raises; PushFailed where it takes too long, and it is left to itself then."""
    said: Future[_Said] = Future()

    def look() -> None:
        try:
            said.set_result(ask())
        except BaseException as error:
            said.set_exception(error)

    threading.Thread(target=look, daemon=True).start()  # a pool's threads would be waited for at the end
    try:
        return said.result(FIRST_ANSWER)
    except FutureTimeout:
        raise PushFailed(
            f"{place} has not answered for {FIRST_ANSWER:.0f} s; check the network, and the address that its library "
            "was given"
        ) from None
