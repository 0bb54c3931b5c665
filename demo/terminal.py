"""What the demo's terminal shows: each decision as it falls, what is being learnt now, the curve of acceptance."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import requests
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

Row = dict[str, Any]
COLOURS = {
    "connected": "green",
    "promoted": "bold green",
    "rejected": "yellow",
    "failed": "red",
    "not connected": "red",
    "ordered": "dim",
    "started": "dim",
    "skipped": "dim",
}
BLOCKS = "▁▂▃▄▅▆▇█"
SILENT_SECONDS = 20.0  # the worker may be restarting that long before anything is said about it


class Watch:
    """Follows `status()`: prints what was decided since it began, and shows below it what goes on at this moment.

    `tick` returns at once; call it about once a second.
    """

    def __init__(self, status: Callable[[], Row], console: Console) -> None:
        self.status = status
        self.console = console
        self.since = datetime.now(UTC)
        self.seen: set[tuple[str, str | None, str]] = set()
        self._heard = time.monotonic()
        self._missed = False
        self._live = Live(console=console, transient=True, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Watch:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.update("", refresh=True)
            self._live.stop()

    def tick(self) -> None:
        """Print new decisions, move the bars."""
        try:
            status = self.status()
        except (requests.RequestException, AssertionError):
            self._listen(alive=False)  # it may be restarting; the next tick tells
            return
        self._listen(alive=status["worker"]["alive"])
        for project in status["projects"]:
            for decision in reversed(project["decisions"]):
                self._decision(decision)
        if self._live:
            self._live.update(_board(status["projects"]), refresh=True)

    def _decision(self, decision: Row) -> None:
        key = (decision["at"], decision["question"], decision["kind"])
        at = datetime.fromisoformat(decision["at"])
        if key in self.seen or at < self.since:
            return
        self.seen.add(key)
        about = f"{decision['question']} " if decision["question"] else ""
        self.console.print(
            f"[dim]{at.astimezone():%H:%M:%S}[/]  [cyan]{escape(about)}[/][{COLOURS.get(decision['kind'], 'cyan')}]"
            f"{escape(decision['kind'])}[/]: {escape(decision['reason'])}",
            highlight=False,
            soft_wrap=not self.console.is_terminal,
        )

    def _listen(self, alive: bool) -> None:
        """Say it where labelwheel falls silent, and when it is back."""
        if alive:
            if self._missed:
                self.console.print("labelwheel is back")
            self._heard, self._missed = time.monotonic(), False
        elif not self._missed and time.monotonic() - self._heard > SILENT_SECONDS:
            self._missed = True
            self.console.print(
                f"[yellow]labelwheel has been silent for {SILENT_SECONDS:.0f} s: it is busy, or started again[/]"
            )


def _board(projects: list[Row]) -> Table:
    """One line for each question: its labels, how often people agree, and the round that runs or comes next."""
    board = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for project in projects:
        for question in project["questions"]:
            if question["active"]:
                board.add_row(
                    Text(question["name"], style="cyan"),
                    Text(f"{question['labels']['total']} labels"),
                    *_doing(question),
                )
        if (fresh := project["backfill"]) and fresh["state"] in ("queued", "running") and fresh["total"]:
            board.add_row(
                Text("suggestions", style="cyan"),
                Text(f"{fresh['done']} of {fresh['total']}"),
                ProgressBar(total=fresh["total"], completed=fresh["done"], width=24),
                Text("being refreshed"),
            )
    return board


def _doing(question: Row) -> tuple[ProgressBar | Text, Text]:
    running, coming = question["round"], question["next_round"]
    if running:
        left = f", {running['seconds_left']:.0f} s left" if running["seconds_left"] else ""
        bar = ProgressBar(total=1.0, completed=running["progress"] or 0.0, width=24, complete_style="green")
        words = {"queued": "about to train", "gating": "comparing with the champion", "held": "passed; held"}
        return bar, Text(words.get(running["state"], f"training{left}"), style="green")
    if not coming["labels_left"]:
        return Text(""), Text(coming["reason"], style="dim")
    return Text(""), Text(f"the next round comes {after(coming['labels_left'])}", style="dim")


def after(labels: int) -> str:
    """Such as `after 3 more labels`."""
    return f"after {labels} more label{'s' * (labels != 1)}"


@contextlib.contextmanager
def step(console: Console, doing: str, done: Callable[[], str]) -> Iterator[None]:
    """Something that takes a while: a line that lives while it lasts, and one that stays when it is done."""
    started = time.monotonic()
    if not console.is_terminal:
        console.print(f"{doing} …", highlight=False, soft_wrap=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.add_task(doing, total=None)
        yield
    took = time.monotonic() - started
    console.print(f"[green]✓[/] {done()} [dim]({took:.0f} s)[/]", highlight=False, soft_wrap=True)


def curve(shares: list[float]) -> str:
    """A line of blocks, one for each share in [0, 1]."""
    return "".join(BLOCKS[min(int(share * len(BLOCKS)), len(BLOCKS) - 1)] for share in shares)


def pause(seconds: float, tick: Callable[[], None]) -> None:
    """Wait, and keep the terminal alive: at least one tick, and one a second."""
    end = time.monotonic() + seconds
    while True:
        tick()
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, 1.0))
