"""What the demo's terminal shows: each decision as it falls, a progress bar while training, the curve of acceptance."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

COLOURS = {"promoted": "green", "rejected": "yellow", "failed": "red", "skipped": "dim"}
BLOCKS = "▁▂▃▄▅▆▇█"


class Watch:
    """Follows `status()` and prints what is new. `tick` returns at once; call it about once a second."""

    def __init__(self, status: Callable[[], dict[str, Any]], console: Console) -> None:
        self.status = status
        self.console = console
        self.seen: set[tuple[str, str | None, str]] = set()
        self.bars: dict[int, TaskID] = {}
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console,
            transient=True,
        )

    def __enter__(self) -> Watch:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def tick(self) -> None:
        """Print new decisions, move the bars."""
        try:
            projects = self.status()["projects"]
        except (requests.RequestException, AssertionError):
            return  # it may be restarting; the next tick tells
        for project in projects:
            for decision in reversed(project["decisions"]):
                self._decision(decision)
            for question in project["questions"]:
                self._bar(question)

    def _decision(self, decision: dict[str, Any]) -> None:
        key = (decision["at"], decision["question"], decision["kind"])
        if key in self.seen:
            return
        self.seen.add(key)
        colour = COLOURS.get(decision["kind"], "cyan")
        about = f" {decision['question']}" if decision["question"] else ""
        self.console.print(
            f"[dim]{decision['at'][11:19]}[/] [{colour}]{decision['kind']}[/][bold]{escape(about)}[/] "
            f"{escape(decision['reason'])}",
            highlight=False,
        )

    def _bar(self, question: dict[str, Any]) -> None:
        running = question["round"]
        if running is None or running["state"] == "queued":
            if (bar := self.bars.pop(question["id"], None)) is not None:
                self.progress.remove_task(bar)
            return
        if question["id"] not in self.bars:
            name = f"training {question['name']}"
            self.bars[question["id"]] = self.progress.add_task(name, total=100)
        self.progress.update(self.bars[question["id"]], completed=100 * running["progress"])


def curve(shares: list[float]) -> str:
    """A line of blocks, one for each share in [0, 1]."""
    return "".join(BLOCKS[min(int(share * len(BLOCKS)), len(BLOCKS) - 1)] for share in shares)


def pause(seconds: float, tick: Callable[[], None]) -> None:
    """Wait, and keep the terminal alive."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        tick()
        time.sleep(min(left, 1.0))
