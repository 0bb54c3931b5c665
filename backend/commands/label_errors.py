"""errors: labels that are probably wrong, for somebody to look at again."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from labelwheel.backend.commands import targets, terminal

SHOWN = 20


def errors(
    project: targets.ProjectOption = None,
    question: targets.QuestionOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs: all of them, with the nearest labels")] = False,
    send_back: Annotated[
        bool | None,
        typer.Option("--send-back/--no-send-back", help="show them in the labelling tool from now on, or no more"),
    ] = None,
) -> None:
    """List labels that are probably wrong, with what the model would say; found by the last inspection."""
    client = targets.service()
    found = targets.project(client.status(), project)
    asked = targets.questions(found, question)
    said = {each["name"]: client.label_errors(found["id"], each["name"]) for each in asked}
    if send_back is not None:
        client.send_back(found["id"], list(said) if send_back else [])
    if as_json:
        typer.echo(json.dumps(said, indent=1, ensure_ascii=False))
        return
    console = terminal.console()
    for name, one in said.items():
        _show(console, name, one)
    if send_back:
        console.print(
            "The labelling tool shows them within seconds, those of blind examples left out; what is put right there "
            "goes, and what the next inspection finds comes. Where it refuses, `labelwheel status` says so."
        )
    elif send_back is False:
        console.print("The labelling tool shows them no more.")
    elif any(one["sent_back"] for one in said.values()):
        console.print("The labelling tool shows them, until `labelwheel errors --no-send-back`.")


def _show(console: Console, name: str, found: targets.Row) -> None:
    if found["reason"]:
        console.print(f"{escape(name)}: {escape(found['reason'])}")
        return
    done = f", {found['changed']:,} of those listed were changed since" if found["changed"] else ""
    console.print(
        f"{escape(name)}: confident learning suspects {found['suspected']:,} of {found['looked_at']:,} labels "
        f"(with {escape(found['version'])}){done}"
    )
    if not found["labels"]:
        return
    table = Table("example", "text", "labelled", "by", "the model would say", "probability")
    for one in found["labels"][:SHOWN]:
        people = ", ".join(dict.fromkeys(each["annotator"] for each in one["annotators"]))
        cells = (one["key"], one["text"], one["labelled"], people, one["would_say"])
        table.add_row(*map(escape, cells), f"{one['probability']:.2f}")
    console.print(table)
    if (more := len(found["labels"]) - SHOWN) > 0:
        console.print(f"and {more:,} more: --json has all of them")
