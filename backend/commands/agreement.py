"""agreement: how far the people who label agree, on what, and which examples another pair of eyes would help."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from labelwheel.backend.commands import targets, terminal
from labelwheel.backend.commands.targets import Row
from labelwheel.backend.views import wording

SHOWN = 10
"""So many pairs, and so many examples, at most; `--json` has all."""


def agreement(
    project: targets.ProjectOption = None,
    question: targets.QuestionOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Say how far people agree beyond chance, on which classes, each two of them, and what wants another look."""
    client = targets.service()
    found = targets.project(client.status(), project)
    asked = targets.questions(found, question)
    said = [client.agreement(found["id"], each["name"]) for each in asked]
    if as_json:
        typer.echo(json.dumps(said, indent=1, ensure_ascii=False))
        return
    console = terminal.console()
    for each in said:
        for part in render(each):
            console.print(part)


def render(found: Row) -> Iterator[RenderableType]:
    """One question, for people."""
    yield Text.assemble((found["question"], "bold cyan"), f"  {wording.agreed(found)}")
    if found["classes"]:
        yield _classes(found["classes"])
    if found["pairs"]:
        yield _pairs(found["pairs"])
    quality = found["quality"]
    if quality["annotators"]:
        yield _annotators(quality)
    if quality["another_look"]:
        yield _looks(quality["another_look"])
    if quality["annotators"] and quality["reason"]:
        yield Text(quality["reason"], style="dim")


def _classes(classes: Sequence[Row]) -> Table:
    placed = any(each["overlapping"] is not None for each in classes)
    table = _table("class", "named", "others say so, too", *(["or overlap"] if placed else []), "else mostly")
    for each in classes:
        overlap = [wording.share(each["overlapping"])] if placed else []
        instead = f"{each['instead']} ({each['times']})" if each["instead"] else ""
        table.add_row(each["label"], str(each["named"]), wording.interval(each), *overlap, instead)
    return table


def _pairs(pairs: Sequence[Row]) -> Table:
    placed = any(each["f1"] is not None for each in pairs)
    table = _table("two people", "examples", "same answer", "kappa", *(["F1", "or overlap"] if placed else []))
    for each in pairs[:SHOWN]:
        items = [wording.share(each[name]) for name in ("f1", "overlapping")] if placed else []
        both = f"{each['one']} and {each['other']}"
        same, kappa = wording.percent(each["same"]), wording.share(each["kappa"])
        table.add_row(both, str(each["examples"]), same, kappa, *items)
    return table


def _annotators(quality: Row) -> Table:
    how = "quality" if quality["model_weight"] is not None else "others say so, too"
    table = _table("annotator", "labels", "with others", how)
    for each in quality["annotators"]:
        table.add_row(each["annotator"], str(each["labels"]), str(each["shared"]), wording.interval(each))
    return table


def _looks(looks: Sequence[Row]) -> Table:
    table = _table("another look", "to do", "labels", "answer so far", "score")
    for each in looks[:SHOWN]:
        answer = each["answer"] if isinstance(each["answer"], str) else json.dumps(each["answer"], ensure_ascii=False)
        table.add_row(each["key"], each["action"], str(each["labels"]), answer, wording.share(each["score"]))
    return table


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, header_style="dim", padding=(0, 2, 0, 2))
