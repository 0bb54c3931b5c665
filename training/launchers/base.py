"""What runs a training job: submit it, look at it, cancel it. The handle is all that has to be remembered.

Nothing of this machine's disk crosses this contract: a job gets the content of its specifications, which name places
that it reaches itself, and what it leaves is in the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

from labelwheel.training.questions import Frozen
from labelwheel.training.spec import JobSpec


class Phase(StrEnum):
    """How a job stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class State(Frozen):
    """What a launcher knows about a job. `code` is the exit code of a failed one, where it is known."""

    phase: Phase
    code: int | None = None


class Task(NamedTuple):
    """One specification of a job, with the address and the token that its progress is told to.

    `name` is a plain word that no other task has while this one runs.
    """

    name: str
    spec: JobSpec
    progress_url: str | None = None
    token: str | None = None


class Site(NamedTuple):
    """What a launcher is made with: whatever else it needs, it takes from settings of its own, which the callable that
    makes it may check at the start (`check_settings()`).

    `folder` is one of this machine where it may keep files by the names of tasks. `threads` limits what a job computes
    with; `hub` lets it reach a model hub; `grace` is in seconds. Variables of the environment whose names begin with
    one of `withheld` are secrets of the service, and never a job's.
    """

    folder: str
    threads: int | None = None
    hub: bool = False
    grace: float = 10.0
    withheld: tuple[str, ...] = ()


@runtime_checkable
class Launcher(Protocol):
    """Where jobs run. Handles are plain text: stored in the database, they outlive the worker that submitted."""

    def submit(self, tasks: Sequence[Task]) -> str:
        """Starts one job that does the tasks in their order, as `labelwheel.training.job` does; answers its handle.

        Raises InvalidJob if it cannot be started.
        """

    def poll(self, handle: str) -> State:
        """How the job stands; a job that nobody knows has failed, unless its output is there."""

    def cancel(self, handle: str) -> None:
        """Ends the job and all that it started; nothing happens where it has ended already."""

    def withdraw(self, handle: str, name: str) -> None:
        """Leaves a task out where its turn has not come yet. Where that cannot be, its output is cleared away later."""

    def logs(self, handle: str, name: str) -> str:
        """The last that a task wrote, of a failed one its error on the last line; empty where it wrote nothing."""

    def collect(self, handle: str) -> None:
        """The job has ended and what came of it is noted: nothing has to be kept of it any more."""

    def end_strays(self, name: str) -> int:
        """Ends jobs with a task whose handle nobody could note; returns how many there were."""
