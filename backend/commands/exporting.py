"""export: a checkpoint as a plain folder for everything that reads transformers models, or the labels as a dataset."""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Any, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from urllib3.exceptions import HTTPError

from labelwheel.backend.commands import targets
from labelwheel.backend.errors import Conflict, InvalidSettings, ServiceUnreachable
from labelwheel.backend.web.client import Client
from labelwheel.training import labelset
from labelwheel.training.checkpoints import layered_head
from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample

_PIECE = 2**20


def export(
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="the folder to write; it must not exist yet, or be empty")
    ],
    project: targets.ProjectOption = None,
    question: targets.QuestionOption = None,
    version: targets.VersionOption = None,
    labels: Annotated[
        bool, typer.Option("--labels", help="the labels with their split, for `datasets.load_from_disk()`")
    ] = False,
) -> None:
    """Write the champion (or another checkpoint) as a folder that `transformers.pipeline()` loads, or the labels."""
    if labels and version is not None:
        raise InvalidSettings("--labels are those of today, whatever --version; leave one of the two away")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Conflict(f"{out} is there already and not empty; choose another folder")
    client = targets.service()
    found, asked = targets.asked(client, project, question)
    if labels:
        count = _write_labels(client, found["id"], asked["name"], out)
        Console().print(f"{count:,} labelled examples of {asked['name']} are in {out}", highlight=False, soft_wrap=True)
        return
    console = Console()
    with appearing(out) as folder:
        name = fetch(client, found["id"], asked["name"], version, folder, console)
    console.print(f"{name} is in {out}", highlight=False, soft_wrap=True)
    if (out / layered_head.FILE).exists():
        console.print(layered_head.NOTE, highlight=False, soft_wrap=True)


def fetch(client: Client, number: int, question: str, version: str | None, folder: Path, console: Console) -> str:
    """A checkpoint (None: the champion) as a plain folder, into an empty one; its version."""
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    with (
        client.export(number, question, version) as answer,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        size = int(answer.headers["Content-Length"])
        task = bar.add_task(f"exporting {question}", total=size)
        unpack(Measured(answer.raw, size, lambda count: bar.advance(task, count)), folder)
        return str(answer.headers.get("X-Labelwheel-Version", question))


def _write_labels(client: Client, number: int, name: str, out: Path) -> int:
    with client.labels(number, name) as lines, appearing(out) as folder:
        first, *rows = lines
        if not rows or rows.pop() != {"examples": len(rows)}:
            raise ServiceUnreachable("the export ended early; nothing is kept, try again")
        found = [LabelledExample.model_validate(row) for row in rows]
        labelset.write(Question.model_validate(first["question"]), found, folder)
    return len(found)


class Measured:
    """A stream that must have `size` bytes; tells `count` how many it gave at a time."""

    def __init__(self, stream: Any, size: int, count: Callable[[int], object] = lambda count: None) -> None:
        self._stream, self._count, self.left = stream, count, size

    def read(self, size: int = -1) -> bytes:
        piece: bytes = self._stream.read(size)
        self.left -= len(piece)
        self._count(len(piece))
        return piece


def unpack(stream: Measured, folder: Path) -> None:
    """Writes a tar's files into a folder; raises ServiceUnreachable at anything but plain files within it."""
    try:
        with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as archive:
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
        while stream.read(_PIECE):
            pass
        # tarfile takes a stream that ends within a header for one that is complete
        if stream.left:
            raise ServiceUnreachable("the export ended early; nothing is kept, try again")
    except (tarfile.TarError, EOFError, HTTPError) as error:
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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
