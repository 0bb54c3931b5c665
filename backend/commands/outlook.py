"""forecast: how many labels a score still takes, from what its rounds say of the labels so far."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from labelwheel.backend.commands import targets, terminal

if TYPE_CHECKING:
    from labelwheel.training.evaluation.forecast import Forecast


def forecast(
    target: Annotated[float, typer.Option("--target", "-t", min=0.01, max=1.0, help="the score to reach")] = 0.9,
    project: targets.ProjectOption = None,
    question: targets.QuestionOption = None,
    more: Annotated[int, typer.Option("--more", min=1, help="so many labels more: what would they bring?")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Say how many labels a score still takes, with an interval of 80 %, and what the next ones bring."""
    from labelwheel.training.evaluation.forecast import Point
    from labelwheel.training.evaluation.forecast import forecast as foresee

    client = targets.service()
    found = targets.project(client.status(), project)
    asked = targets.questions(found, question)

    def said_of(learnt: dict[str, Any]) -> Forecast:
        return foresee([Point.of(**row) for row in learnt["scores"]], target, more, labels=learnt["labels"])

    said = {each["name"]: said_of(each["learnt"]) for each in asked}
    if as_json:
        typer.echo(json.dumps({name: one.model_dump() for name, one in said.items()}, indent=1, ensure_ascii=False))
        return
    table = Table("question", "at the last round", f"for {target:g}", "80 % interval", "what to do")
    for name, one in said.items():
        table.add_row(name, f"{one.labels:,}", *_needed(one), one.reason)
    terminal.console().print(table)


def _needed(said: Forecast) -> tuple[str, str]:
    if said.needed is None:
        return "", ""
    return _count(said.needed.median), f"{_count(said.needed.low)} to {_count(said.needed.high)}"


def _count(labels: int | None) -> str:
    return "out of reach" if labels is None else f"{labels:,}"
