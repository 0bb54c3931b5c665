"""Which foreign models there are: those that the operator of this process has named, and no others.

A checkpoint says which one it was learnt with, by its name and the hash of its file. Where the file is, and what starts
it, a checkpoint never says: only what was named at the start of a process is run in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from labelwheel.training.errors import InvalidCheckpoint, InvalidJob
from labelwheel.training.foreign.entry import ForeignEntry
from labelwheel.training.questions import Frozen

RECIPE = "foreign"
"""What the manifest of such a checkpoint calls how it was learnt."""

_named: list[ForeignModel] = []


class ForeignModel(Frozen):
    """A class in a file, and the command that runs it: `COMMAND FILE CLASS DESCRIPTOR`, see `foreign.process`.

    `sha256` is that of the file. One request takes up to `seconds`, one time of learning up to `learn_seconds`; with
    more than `memory_mb` its process is ended. `variables` of the environment are handed on to it.
    """

    path: str
    attribute: str
    sha256: str
    command: tuple[str, ...]
    seconds: float = 10.0
    learn_seconds: float = 600.0
    memory_mb: float = 4096.0
    variables: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people read in reports."""
        return f"{self.attribute} of {Path(self.path).name}"

    def check(self) -> None:
        """Raises InvalidJob where the file is gone, or is another one by now."""
        found = digest(self.path)
        if found != self.sha256:
            said = "cannot be read" if found is None else "has changed since it was named"
            raise InvalidJob(f"{self.path} {said}: restart labelwheel, which takes the file as it is then")


def digest(path: str | Path) -> str | None:
    """The sha256 of a file; None where it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None


def name(models: Sequence[ForeignModel]) -> None:
    """Have this process know these, in place of those before."""
    _named[:] = models


def named() -> tuple[ForeignModel, ...]:
    """Those that this process knows."""
    return tuple(_named)


def of(entry: ForeignEntry, version: str) -> ForeignModel:
    """The one that a checkpoint was learnt with. Raises InvalidCheckpoint where nobody named it here."""
    same = [each for each in _named if each.attribute == entry.attribute]
    for each in same:
        if each.sha256 == entry.sha256:
            return each
    changed = f"{same[0].path} has changed since" if same else "LABELWHEEL_ML_BACKENDS does not name it here"
    raise InvalidCheckpoint(
        f"{version} was learnt by {entry.attribute} of {entry.file}, and {changed}: put it back, or train anew"
    )
