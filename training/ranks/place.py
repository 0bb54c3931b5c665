"""Which of a job's processes this one is, as torchrun tells it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from labelwheel.training.errors import InvalidJob

SPLIT = "LABELWHEEL_SPLIT"
"""`always` has each training split, `never` none, and `auto` those that are worth it."""

_TAKEN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
_STORE = "TORCHELASTIC_USE_AGENT_STORE"


class Place(NamedTuple):
    """`number` of `total` processes, from 0; `local` is its number on its machine, `variables` what torchrun set."""

    number: int
    total: int
    local: int
    variables: Mapping[str, str]

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """What torchrun has set is there for libraries to find."""
        os.environ.update(self.variables)
        try:
            yield
        finally:
            withdraw()


def take() -> Place | None:
    """This process's, of several; None where it is alone. Raises InvalidJob without torchrun.

    What torchrun has set is gone then, or accelerate would take every training for one of all processes.
    """
    variables = {name: os.environ[name] for name in _TAKEN if name in os.environ}
    withdraw()
    count = int(variables.get("WORLD_SIZE", 1))
    if count < 2:
        return None
    if os.environ.get(_STORE) != "True":
        raise InvalidJob("several processes of one job have to be started by torchrun")
    return Place(int(variables["RANK"]), count, int(variables.get("LOCAL_RANK", 0)), variables)


def withdraw() -> None:
    """As if this process were the only one."""
    for name in _TAKEN:
        os.environ.pop(name, None)
