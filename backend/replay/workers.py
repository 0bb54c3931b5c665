"""What runs beside a simulation in the product runs within it here, one after the other: the same again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, Future
from typing import Any

from labelwheel.backend.database.lease import Hold
from labelwheel.backend.replay.answers import Answers
from labelwheel.backend.revisions.fast_lane import IDLE_SECONDS, FastLane
from labelwheel.training.launchers.base import Task
from labelwheel.training.launchers.local import LocalLauncher


class AtOnce(Executor):
    """Does what it is given before it returns."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        found: Future[Any] = Future()
        try:
            found.set_result(fn(*args, **kwargs))
        except Exception as error:
            found.set_exception(error)
        return found


class Followed:
    """The fast lane of the one project of a simulation. The labels of examples `apart` teach its heads nothing."""

    def __init__(self, hold: Hold, project_id: int, answers: Answers, apart: Collection[str]) -> None:
        self._answers = answers
        self._lane = FastLane(hold, project_id, answers, (AtOnce(), AtOnce()), apart)

    def follow(self) -> None:
        """Until nothing is left to do for the labels that are there, and what came of it is served."""
        while True:
            self._lane.wake.clear()
            wait = self._lane.step()
            self._answers.follow()
            if wait >= IDLE_SECONDS and not self._lane.wake.is_set():
                return


class UnheardLauncher(LocalLauncher):
    """Jobs on this machine that tell nobody how far they are: no service knows their rounds."""

    def submit(self, tasks: Sequence[Task]) -> str:
        return super().submit([Task(each.name, each.spec) for each in tasks])
