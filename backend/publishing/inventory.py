"""What a pushed model consists of: each file with its hash and size, in a file of its own that arrives last.

A place that has no such file holds no model of ours, or not yet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from labelwheel.backend.errors import PushFailed
from labelwheel.training.checkpoints import safety
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.questions import Frozen

FILE = "labelwheel-files.json"
_LARGEST = 4 * 2**20
_MOST = 1000


class Content(Frozen):
    """One file's."""

    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]


class Inventory(Frozen):
    """Of one version; `files` are by their relative names, with slashes."""

    format: Literal[1] = 1
    version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
    files: Annotated[dict[str, Content], Field(max_length=_MOST)]

    @property
    def text(self) -> bytes:
        """As it is written."""
        return self.model_dump_json(indent=1).encode()


def of(folder: Path, version: str) -> Inventory:
    """That of a folder that lies here."""
    files = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files[path.relative_to(folder).as_posix()] = Content(sha256=digest, size=path.stat().st_size)
    return Inventory(version=version, files=files)


def read(content: bytes, place: str) -> Inventory:
    """Raises PushFailed where it is none, or has a file that would lie outside of the folder."""
    try:
        found = Inventory.model_validate_json(content[: _LARGEST + 1])
    except ValidationError:
        raise PushFailed(f"{FILE} of {place} was not written by labelwheel; push that model again") from None
    for name in found.files:
        path = PurePosixPath(name)
        if (
            not path.parts
            or path.is_absolute()
            or ".." in path.parts
            or "\\" in name
            or name == FILE
            or path.as_posix() != name
        ):
            raise PushFailed(f"{FILE} of {place} names {name!r}, which is no file within it; nothing is kept")
    return found


def receive(known: Inventory, place: str, folder: Path, get: Callable[[str, Path], Any]) -> None:
    """Fetches all files into an empty folder with `get(name, target)`, and compares each with its hash.

    Raises PushFailed where one is missing or another, and InvalidCheckpoint where one could execute code.
    """
    for name, content in known.files.items():
        target = folder.joinpath(*PurePosixPath(name).parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            get(name, target)
        except FileNotFoundError:
            raise PushFailed(f"{place} lacks {name}; push {known.version} again, nothing is kept") from None
        with target.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != content.sha256:
                raise PushFailed(
                    f"{name} of {place} is not the file that was pushed: it was changed, or somebody pushes at this "
                    f"moment; nothing is kept, push {known.version} again if it stays so"
                )
    try:
        safety.check(folder, known.files)
    except InvalidCheckpoint as error:
        raise PushFailed(f"{place} holds what labelwheel never pushed: {error}; nothing is kept") from None
