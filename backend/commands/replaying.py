"""replay: a project's labels once more, as they were or under another policy; or a file's, before anybody is hired."""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from labelwheel.backend.commands import targets, terminal
from labelwheel.backend.errors import InvalidRequest
from labelwheel.backend.settings import load
from labelwheel.backend.views import wording

if TYPE_CHECKING:
    from labelwheel.backend.replay.outcome import Outcome
    from labelwheel.backend.replay.recording import Recording

_FILE_LABELS = 300
_BARS = "▁▂▃▄▅▆▇█"


def replay(
    project: Annotated[
        str | None, typer.Argument(metavar="PROJECT", help="by its number or title; none with --data")
    ] = None,
    question: targets.QuestionOption = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            metavar="NAME=VALUE,…",
            help="settings in the place of today's, such as growth=0.5,gate_level=1 or order=mixed; again for another",
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON lines or .csv with labels, in the place of a project")
    ] = None,
    text_field: Annotated[str, typer.Option(help="of the file: what is labelled")] = "text",
    label_field: Annotated[str, typer.Option(help="of the file: a label, or a list of labels")] = "label",
    labels: Annotated[
        int | None,
        typer.Option(min=10, help=f"stop after so many; all of a project, {_FILE_LABELS} of a file if not set"),
    ] = None,
    only: Annotated[
        bool, typer.Option("--only", help="only what --policy says, without the recorded or today's policy first")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Simulate what a project's labels, or a file's, come to under a policy: no labelling tool, nothing is changed."""
    if (project is None) == (data is None):
        raise InvalidRequest("name a project, or a labelled file with --data: one of the two")
    if only and not policy:
        raise InvalidRequest("--only needs a --policy")
    # the engines' imports would make every other command slower
    from labelwheel.backend.replay import file_source, ledger_source
    from labelwheel.backend.replay.outcome import body
    from labelwheel.backend.replay.policies import RECORDED, Policy, parse
    from labelwheel.backend.replay.simulation import Simulation

    settings, asked = load(), [parse(text) for text in policy or ()]
    if data is not None:
        recording = file_source.read(data, text_field, label_field, settings.seed)
        first = Policy("today's settings")
    else:
        recording = ledger_source.read(settings, project or "", question)
        first = Policy(RECORDED, recorded=True)
    most = labels or (len(recording.events) if data is None else _FILE_LABELS)
    store = settings.checkpoints if data is None else None
    outcomes: list[Outcome] = []
    with _alone() as ended, _progress() as bar:
        for each in asked if only else [first, *asked]:
            task = bar.add_task(each.name, total=None)

            def told(what: str, done: int, total: int, task: object = task, name: str = each.name) -> None:
                if ended.is_set():
                    raise KeyboardInterrupt
                bar.update(task, completed=done, total=total, description=f"{name}: {what}")  # type: ignore[arg-type]

            with Simulation(recording, each, most, store, told) as simulation:
                outcomes.append(simulation.run())
    if as_json:
        typer.echo(json.dumps(body(outcomes), indent=1, ensure_ascii=False))
    else:
        _show(recording, outcomes)


@contextmanager
def _alone() -> Iterator[threading.Event]:
    """What the simulated service logs is nobody's; afterwards all is as it was. The event says that somebody ended it.

    Jobs end, and folders go, at SIGTERM as at Ctrl-C. Handlers raise nothing: Python drops that where it falls into
    the collection of garbage, and kills itself where it falls into an `exec`, of which imports are full.
    """
    ended, logger = threading.Event(), logging.getLogger("labelwheel")
    level = logger.level
    logger.setLevel(logging.ERROR)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: ended.set())
    try:
        yield ended
    finally:
        logger.setLevel(level)
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _show(recording: Recording, outcomes: list[Outcome]) -> None:
    from labelwheel.backend.replay.outcome import needed, saved

    console = terminal.console()
    console.print(f"[bold]{recording.name}[/]: {len(outcomes[0].accepted)} labels")
    table = Table(box=None, header_style="bold", pad_edge=False)
    heads = "policy", "rounds", "promoted", "bad swaps", "stopped", "accepted", "first 100", "score", "90 % at", "saved"
    for name in (*heads, "CPU", "curve"):
        table.add_column(name, overflow="fold")
    for one in outcomes:
        counts, at, less = one.counts(), needed(outcomes, one), saved(outcomes, one)
        table.add_row(
            one.policy, str(counts["rounds"]), str(counts["promoted"]), str(counts["bad swaps"]),
            str(counts["bad swaps stopped"]), wording.percent(one.share()), wording.percent(one.share(100)),
            "–" if one.final is None else f"{one.final:.3f}", "–" if at is None else f"{at} labels",
            "–" if less is None else str(less), wording.duration(one.cpu_seconds), _curve(one),
        )  # fmt: skip
    console.print(table)
    yardstick = outcomes[0].curve[-1].examples if outcomes[0].curve else 0
    where = "texts that are never labelled" if recording.tests else "held-out examples, which also decide at the gate"
    console.print(
        f"accepted: labels that were what was suggested just before; score: {outcomes[0].metric.replace('_', ' ')} on "
        f"{yardstick} {where}; bad swaps: rounds whose model is worse than what it replaced on labels that came later"
    )
    for one in outcomes:
        _show_identity(console, one)


def _show_identity(console: Console, one: Outcome) -> None:
    if not one.identity:
        return
    same = sum(each.same for each in one.identity)
    files = sum(each.files is True for each in one.identity)
    compared = sum(each.files is not None for each in one.identity)
    console.print(
        f"{one.policy}: {same} of {len(one.identity)} rounds came out the same; the files of {files} of {compared} "
        "checkpoints that are still there are bit-identical"
    )
    for each in one.identity:
        if not each.same:
            console.print(f"  {each.version}: {each.why}")


def _curve(one: Outcome) -> str:
    scores = [point.score for point in one.curve]
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    spread = max(high - low, 1e-9)
    return "".join(_BARS[round((score - low) / spread * (len(_BARS) - 1))] for score in scores)
