"""tune: a search for better settings, followed, ended, or forgotten."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from labelwheel.backend.commands import targets
from labelwheel.backend.commands.durations import seconds_of
from labelwheel.backend.commands.targets import Row
from labelwheel.backend.errors import NotFound
from labelwheel.backend.views import wording
from labelwheel.backend.web.client import Client

ACTIVE = ("queued", "running")


def tune(
    budget: Annotated[str, typer.Option(help="how long its jobs may compute: 90s, 20m, 2h, 1h30m")] = "20m",
    trials: Annotated[int | None, typer.Option(min=1, max=500, help="at most so many trials")] = None,
    project: targets.ProjectOption = None,
    question: targets.QuestionOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="show the progress, and the verdict at the end")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="end the search that is under way; nothing changes")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="have later rounds learn by the defaults again")] = False,
) -> None:
    """Search for better settings; a round with them is ordered where they are better by more than noise."""
    seconds = seconds_of(budget)
    client = targets.service()
    found, asked = targets.asked(client, project, question)
    console = Console(highlight=False)
    if cancel:
        console.print(_cancel(client, found, asked))
        return
    if forget:
        done = client.forget_tuned(found["id"], asked["name"])
        console.print(f"{asked['name']} learns by the defaults {'from the next round on' if done else 'already'}")
        return
    started = client.tune(found["id"], asked["name"], seconds, trials)
    if not wait:
        console.print(
            f"search {started['id']} of {asked['name']} is queued; `labelwheel status --watch` shows it, "
            "`labelwheel tune --cancel` ends it"
        )
        return
    ended = _follow(client, found["id"], asked["name"], started["id"])
    console.print(f"[bold]{ended['state']}[/bold]: {ended['reason']}")
    if ended["state"] != "done":
        raise typer.Exit(1)


def _cancel(client: Client, found: Row, asked: Row) -> str:
    search = client.tuning(found["id"], asked["name"])["searches"][:1]
    if not search or search[0]["state"] not in ACTIVE:
        raise NotFound(f"no search for {asked['name']!r} is under way")
    client.cancel_tuning(search[0]["id"])
    return f"search {search[0]['id']} of {asked['name']} is ended; nothing changes"


def _follow(client: Client, project: int, question: str, number: int) -> Row:
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]}")
    console = Console()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{question}: queued", total=1.0, left="")
        while True:
            searches = client.tuning(project, question)["searches"]
            current: Row | None = next((each for each in searches if each["id"] == number), None)
            if current is None:
                raise NotFound(f"search {number} is not known any more")
            if current["state"] not in ACTIVE:
                return current
            left = wording.duration(current["seconds_left"])
            said = f"{question}: {wording.counted(current['counted'], 'trial')}"
            bar.update(task, description=said, completed=current["progress"], left=f"{left} left")
            time.sleep(1.0)
