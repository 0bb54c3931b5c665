"""The first process's side of a job of several: whether a training is split, and what becomes of the others.

with crew.led(place):         # the whole job
    weighed = crew.weigh(…)   # before a training
    with crew.at_work(weighed.split, order) as group:   # each training; None where it is not split
        …
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import psutil

from labelwheel.training import card_share, memory
from labelwheel.training.errors import LabelwheelError, ProcessLost
from labelwheel.training.ranks import blueprint
from labelwheel.training.ranks.place import SPLIT, Place
from labelwheel.training.ranks.switchboard import BEGIN, FAILED, OVER, Switchboard

if TYPE_CHECKING:  # NumPy is not imported before the process has set its threads
    from labelwheel.training.ranks.group import Group, Order

logger = logging.getLogger(__name__)

WORTH = 60.0
"""Seconds of steps in one training from which on it may be split: below, to meet and to begin costs what it brings."""

GAIN = 0.8
"""A step has to take less than so much of what it takes alone."""

SHARDED = 1.5
"""So many times as many numbers go round where weights are divided: they come twice, and gradients go once."""

_ARRIVAL = 300.0
"""Seconds for the others to come: torchrun has started all at once, and they import torch as this one did."""


class Broken(BaseException):
    """The job cannot go on. No `Exception`: whoever tries the next strategy after a failure must not try it here."""

    def __init__(self, error: ProcessLost) -> None:
        super().__init__(str(error))
        self.error = error


class Weighed(NamedTuple):
    """Whether a training is to be split, how many seconds a step takes then, and a sentence why; none of a job that
    has no other process."""

    split: bool
    seconds: float
    sentence: str = ""


class Crew:
    """All processes of this job, for the first of them."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.losing = False  # an error is looked into: what ends this process meanwhile is its consequence
        self._board: Switchboard | None = None
        self._group: Group | None = None
        self._gone: str | None = None  # why nobody helps any more
        self._near: list[int] = []  # processes on this machine
        self._exchanges: dict[int, float] = {}

    def weigh(
        self, name: str, model: Any, seconds: float, steps: int, share: Callable[[int], float], needed: bool
    ) -> Weighed:
        """For a training that takes so many steps; `share` times one for one of so many processes.

        One that is `needed` does not fit one process: it is split wherever it can be. Raises Broken.
        """
        found = self._weigh(model, seconds, steps, share, needed)
        sentence = f"{name}: {found.sentence}"
        logger.info("%s", sentence)
        return found._replace(sentence=sentence)

    def _weigh(self, model: Any, seconds: float, steps: int, share: Callable[[int], float], needed: bool) -> Weighed:
        count, whole = self.place.total, seconds * steps
        always = needed or os.environ.get(SPLIT) == "always"

        def alone(why: str) -> Weighed:
            return Weighed(False, seconds, f"not split over {count} processes: {why}")

        if os.environ.get(SPLIT) == "never":
            return alone(f"{SPLIT}=never")
        if card_share.slowdown() > 1.0:
            return alone("it shares its card with serving")
        if not always and whole < WORTH:
            return alone(f"all {steps:,} steps take about {whole:.0f} s, and less than {WORTH:.0f} s are not worth it")
        try:
            blueprint.of(model)
        except LabelwheelError as error:
            return alone(str(error))
        if not self._met(str(next(model.parameters()).device)):
            return alone(self._gone or "")
        numbers = sum(each.numel() for each in model.parameters() if each.requires_grad)
        split = share(count) + self._exchange(numbers) * (SHARDED if needed else 1.0)
        told = f"a step takes about {1e3 * split:.0f} ms in place of {1e3 * seconds:.0f} ms"
        if not always and split > GAIN * seconds:
            return alone(f"{told}, gradients included")
        how = "split, and its weights too," if needed else "split"
        return Weighed(True, split, f"{how} over {count} processes: {told}, gradients included")

    @contextlib.contextmanager
    def at_work(self, order: Order) -> Iterator[Group]:
        """A training that all take part in. Raises Broken; memory that ran out ends the crew, and not the job."""
        group = self._group
        assert group is not None
        try:
            group.send(order)
            with group.training():
                yield group
        except Exception as error:
            self.losing = True
            self._look_into(error)
        finally:
            self.losing = False

    @property
    def helps(self) -> bool:
        """Whether the others may be asked to take part."""
        return self._gone is None and os.environ.get(SPLIT) != "never"

    @property
    def there(self) -> bool:
        """Whether a training can be split still."""
        return self._gone is None and self._group is not None

    def misses_any(self) -> bool:
        """Whether one of the others was on this machine, and is no more."""
        return any(not _lives(process) for process in self._near)

    def end(self) -> None:
        """The others go."""
        self._near = []
        with contextlib.suppress(RuntimeError):
            self._calls().tell(OVER)
        if self._group is not None:
            self._group.leave()
            self._group = None

    def _calls(self) -> Switchboard:
        if self._board is None:
            self._board = Switchboard(self.place)
        return self._board

    def _met(self, device: str) -> bool:
        if self._gone is None and self._group is None:
            board = self._calls()
            others = board.those_there(_ARRIVAL)
            if len(others) < self.place.total - 1:
                self._dismiss(f"{self.place.total - 1 - len(others)} of them did not come in {_ARRIVAL:.0f} s")
            else:
                from labelwheel.training.ranks.group import Group

                board.tell(BEGIN, device.partition(":")[0])
                self._group = Group(self.place, board.store, device)
                found = map(board.whereabouts, others)
                self._near = [process for host, process in found if host == socket.gethostname()]
                if device.startswith("cuda"):  # what waits for another card notices nothing
                    board.watch(FAILED, lambda told: self._abort(), self._abort)
        return self.there

    def _abort(self) -> None:
        if self._group is not None:
            self._group.abort()

    def _exchange(self, numbers: int) -> float:
        if numbers not in self._exchanges:
            with self.at_work(({"do": "exchange", "numbers": numbers}, {})) as group:
                self._exchanges[numbers] = group.exchange_seconds(numbers)
        return self._exchanges[numbers]

    def _dismiss(self, why: str) -> None:
        logger.warning("From now on one process goes on alone: %s", why)
        self._gone = why
        self.end()

    def _look_into(self, error: Exception) -> NoReturn:
        """What has become of the others, where a training of all ended with an error of this process."""
        board, others = self._calls(), range(1, self.place.total)
        try:
            failure = None if memory.ran_out(error) else board.failure()
            silent = [] if failure or memory.ran_out(error) else board.silent(others)
            failure = failure or board.failure()
        except RuntimeError:
            raise Broken(
                ProcessLost(f"torchrun is gone, and the job's {self.place.total} processes with it")
            ) from error
        if failure is not None and failure.memory:
            import torch

            self._dismiss(failure.sentence)
            raise torch.OutOfMemoryError(f"out of memory: {failure.sentence}") from error
        if failure is not None:
            self.end()
            raise Broken(ProcessLost(failure.sentence)) from error
        if silent:
            where = ", ".join(f"process {number + 1} on {board.whereabouts(number)[0]}" for number in silent)
            self.end()
            raise Broken(ProcessLost(f"{where}, of {self.place.total}, was killed or is cut off")) from error
        self._dismiss(f"its training ended with {type(error).__name__}")
        raise error


def _lives(process: int) -> bool:
    try:
        return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


_present: Crew | None = None


def present() -> Crew | None:
    """That of this job; None where it has one process."""
    return _present


@contextlib.contextmanager
def led(place: Place | None) -> Iterator[None]:
    """A job whose first process this is; of one process where there is no place."""
    global _present
    if place is None:
        yield
        return
    _present = found = Crew(place)
    try:
        yield
    finally:
        _present = None
        found.end()


def weigh(
    name: str, model: Any, seconds: float, steps: int, share: Callable[[int], float], needed: bool = False
) -> Weighed:
    """Whether a training is to be split; see `Crew.weigh`."""
    return Weighed(False, seconds) if _present is None else _present.weigh(name, model, seconds, steps, share, needed)


@contextlib.contextmanager
def at_work(order: Callable[[], Order] | None) -> Iterator[Group | None]:
    """A training that all take part in where there is an order for it, and anybody to obey."""
    if order is None or _present is None or not _present.there:
        yield None
        return
    with _present.at_work(order()) as group:
        yield group


def lost() -> ProcessLost | None:
    """Why this process is ended, where another one was before."""
    if _present is None or not (_present.losing or _present.misses_any()):
        return None
    return ProcessLost(f"one of {_present.place.total} processes failed or was killed, and torchrun ended the others")
