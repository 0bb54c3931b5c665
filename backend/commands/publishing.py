"""push, pull: a champion to a model hub, an object store or a model registry, and back from there as a folder."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from labelwheel.backend.commands import exporting, targets
from labelwheel.backend.errors import Conflict
from labelwheel.backend.publishing import inventory
from labelwheel.backend.publishing.destination import Destination, destination
from labelwheel.training.checkpoints import layered_head

PLACES = "hub:NAME, mlflow:NAME, or the URL of an object store (s3://…, gs://…, az://…)"


def push(
    to: Annotated[str, typer.Option(metavar="PLACE", help=PLACES)],
    project: targets.ProjectOption = None,
    question: targets.QuestionOption = None,
    version: targets.VersionOption = None,
    public: Annotated[
        bool, typer.Option("--public", help="for everybody, where a hub makes the repository; else it is private")
    ] = False,
) -> None:
    """Put the champion (or another checkpoint) with its card on a model hub, in a store or a registry."""
    there = _there(to, public, version is None)
    client = targets.service()
    found, asked = targets.asked(client, project, question)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="labelwheel-push-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch) / "model"
        folder.mkdir()
        name = exporting.fetch(client, found["id"], asked["name"], version, folder, console)
        with console.status(f"pushing {name}") if console.is_terminal else contextlib.nullcontext():
            place = there.push(folder, inventory.of(folder, name))
        headed = (folder / layered_head.FILE).exists()
    console.print(f"{name} is at {place}", highlight=False, soft_wrap=True)
    if headed:
        console.print(layered_head.NOTE, highlight=False, soft_wrap=True)


def pull(
    source: Annotated[str, typer.Option("--from", metavar="PLACE", help="what `push` printed")],
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="the folder to write; it must not exist yet, or be empty")
    ],
) -> None:
    """Fetch what was pushed as a plain folder, each file compared with its hash."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Conflict(f"{out} is there already and not empty; choose another folder")
    there = _there(source)
    with exporting.appearing(out) as folder:
        known = there.pull(folder)
    Console().print(f"{known.version} is in {out}", highlight=False, soft_wrap=True)


def _there(address: str, public: bool = False, champion: bool = True) -> Destination:
    # what fails is told in one line; libraries log tracebacks, and what they were sent, to a terminal beside it
    logging.getLogger().addHandler(logging.NullHandler())
    return destination(address, public, champion)
