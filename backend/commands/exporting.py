"""export: a checkpoint as a plain folder, for everything that reads transformers models."""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Any, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from backend.commands import choosing
from backend.errors import Conflict, ServiceUnreachable

_PIECE = 2**20


def export(
    out: Annotated[Path, typer.Option(help="the folder to write; it must not exist yet, or be empty")],
    project: choosing.ProjectOption = None,
    question: choosing.QuestionOption = None,
    version: choosing.VersionOption = None,
) -> None:
    """Write the champion (or another checkpoint) as a folder that `transformers.pipeline()` loads."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Conflict(f"{out} is there already and not empty; choose another folder")
    client = choosing.service()
    found = choosing.project(client.status(), project)
    asked = choosing.question(found, question)
    with client.export(found["id"], asked["name"], version) as answer, appearing(out) as folder:
        console = Console()
        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task(
                f"exporting {asked['name']}", total=int(answer.headers.get("Content-Length", 0)) or None
            )
            answer.raw.decode_content = True
            stream = cast(IO[bytes], _Counted(answer.raw, lambda count: bar.advance(task, count)))
            unpack(stream, folder)
        name = answer.headers.get("X-Labelwheel-Version", asked["name"])
    Console().print(f"{name} is in {out}", highlight=False, soft_wrap=True)


def unpack(stream: IO[bytes], folder: Path) -> None:
    """Writes a streamed tar's files into a folder; raises ServiceUnreachable at anything but plain files within it."""
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                path = PurePosixPath(member.name)
                if not member.isreg() or path.is_absolute() or ".." in path.parts or not path.parts:
                    raise ServiceUnreachable(
                        f"the export holds {member.name!r}, which is no plain file; nothing is kept"
                    )
                target = folder.joinpath(*path.parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                source = archive.extractfile(member)
                assert source is not None
                with target.open("xb") as file:
                    shutil.copyfileobj(source, file, _PIECE)
    except (tarfile.TarError, EOFError) as error:
        raise ServiceUnreachable(f"the export ended early ({error}); nothing is kept, try again") from None


@contextlib.contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """A temporary sibling that takes `out`'s place when all went well, and is gone when not."""
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        temporary.rename(out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


class _Counted:
    """A stream that says how much was read of it."""

    def __init__(self, stream: Any, count: Any) -> None:
        self._stream, self._count = stream, count

    def read(self, size: int = -1) -> bytes:
        piece: bytes = self._stream.read(size)
        self._count(len(piece))
        return piece


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
