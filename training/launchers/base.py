"""What runs a training job: submit it, look at it, cancel it. The handle is all that has to be remembered."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from labelwheel.training.questions import Frozen


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
    """One specification of a job, with the address and the token that its progress is told to."""

    spec: Path
    progress_url: str | None
    token: str | None


@runtime_checkable
class Launcher(Protocol):
    """Where jobs run. Handles are plain text: stored in the database, they outlive the worker that submitted."""

    def submit(
        self, spec: Path, progress_url: str | None, token: str | None, log: Path, others: Sequence[Task] = ()
    ) -> str:
        """Starts `labelwheel.training.job SPEC …` and answers its handle. Raises InvalidJob if it cannot be started.

        `others` are done in the same job, after `spec`; each specification is in a folder of its own then.
        """

    def poll(self, handle: str) -> State:
        """How the job stands; a job that nobody knows has failed, unless its output is there."""

    def cancel(self, handle: str) -> None:
        """Ends the job and all that it started; nothing happens where it has ended already."""

    def end_strays(self, spec: Path) -> int:
        """Ends jobs on a specification whose handle nobody could note; returns how many there were."""
