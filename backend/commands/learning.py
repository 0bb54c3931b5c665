"""train, promote, rollback, checkpoints: what a question's checkpoints come from, and which one is served."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from labelwheel.backend.commands import targets, terminal
from labelwheel.backend.commands.durations import seconds_of
from labelwheel.backend.errors import NotFound
from labelwheel.backend.views import wording
from labelwheel.backend.web.client import Client

ACTIVE = ("queued", "running", "gating")


def train(
    project: targets.ProjectOption = None,
    question: targets.QuestionOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="show the progress, and the decision at the end")] = False,
    hold: Annotated[
        str | None, typer.Option(help="what passes the gate waits so long for `labelwheel promote`: 30m, 2h")
    ] = None,
) -> None:
    """Start a round now, instead of when enough labels have come."""
    minutes = None if hold is None else seconds_of(hold, "--hold") / 60
    client = targets.service()
    found, asked = targets.asked(client, project, question)
    started = client.train(found["id"], asked["name"], minutes)
    if not wait:
        Console().print(f"round {started['id']} of {asked['name']} is queued; `labelwheel status --watch` shows it")
        return
    ended = _follow(client, started["id"], asked["name"])
    if ended["state"] in ("failed", "cancelled"):
        raise typer.Exit(1)


def promote(
    project: targets.ProjectOption = None,
    question: targets.QuestionOption = None,
) -> None:
    """Have the challenger served that passed the gate and is held (`labelwheel train --hold`)."""
    client = targets.service()
    _, asked = targets.asked(client, project, question)
    held = asked["round"]
    if held is None or held["state"] != "held":
        raise NotFound(f"no round of {asked['name']!r} is held; `labelwheel train --hold 2h` orders one that will be")
    client.promote(held["id"])
    ended = _follow(client, held["id"], asked["name"])
    if ended["state"] != "promoted":
        raise typer.Exit(1)


def rollback(
    to: Annotated[str | None, typer.Option(help="the checkpoint; the one before the champion if not given")] = None,
    project: targets.ProjectOption = None,
    question: targets.QuestionOption = None,
) -> None:
    """Go back to an earlier checkpoint; it stays until new labels ask for another round."""
    client = targets.service()
    found, asked = targets.asked(client, project, question)
    target = client.rollback(found["id"], asked["name"], to)
    Console().print(f"{asked['name']} goes back to {target['version']}", highlight=False)


def checkpoints(
    project: targets.ProjectOption = None,
    question: targets.QuestionOption = None,
) -> None:
    """List a question's checkpoints, the newest first; the champion has a star."""
    client = targets.service()
    found, asked = targets.asked(client, project, question)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("", "version", "score", "labels", "recipe", "trained", ""):
        table.add_column(name, no_wrap=name == "version", overflow="fold")
    for row in client.checkpoints(found["id"], asked["name"]):
        table.add_row(
            "★" if row["champion"] else "", row["version"], wording.score(row), str(row["label_count"]),
            row["recipe"], wording.ago(row["created_at"]), f"broken: {row['broken']}" if row["broken"] else "",
        )  # fmt: skip
    terminal.console().print(table)


def _follow(client: Client, number: int, name: str) -> dict[str, Any]:
    console = Console()
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]}")
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{name}: queued", total=1.0, left="")
        while True:
            current = client.round(number)
            if current["state"] not in ACTIVE:
                break
            left = wording.duration(current["seconds_left"])
            bar.update(
                task,
                description=f"{name}: {current['state']}",
                completed=current["progress"] or 0.0,
                left=f"{left} left" if left else "",
            )
            time.sleep(0.5)
    console.print(f"[bold]{current['state']}[/bold]: {current['reason'] or current['version']}", highlight=False)
    return current
