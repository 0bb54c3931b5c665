"""status, report: what is going on, and how good a checkpoint is."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.markdown import Markdown
from rich.text import Text

from labelwheel.backend.commands import overview, targets, terminal
from labelwheel.backend.errors import ServiceUnreachable
from labelwheel.backend.web.client import Client

REFRESH_SECONDS = 1.0


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="keep it up to date until Ctrl-C")] = False,
    project: targets.OneProjectOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Show projects, champions, labels, the running round, backfill, and the last decisions with reasons."""
    client = targets.service()
    current = client.status()
    if as_json and not watch:
        if project is not None:
            current["projects"] = [targets.project(current, project)]
        typer.echo(json.dumps(current, indent=1, ensure_ascii=False))
        return
    if not watch:
        terminal.console().print(overview.render(current, client.url, project=project))
        return
    with contextlib.suppress(KeyboardInterrupt):
        _watch(client, current, project)


def _watch(client: Client, current: targets.Row, project: str | None) -> None:
    def shown(*above: Text) -> overview.Fitted:
        return overview.Fitted(Group(*above, overview.render(current, client.url, project=project)))

    with Live(shown(), console=terminal.console(), auto_refresh=False, vertical_overflow="visible") as live:
        while True:
            time.sleep(REFRESH_SECONDS)
            try:
                current = client.status()
                live.update(shown(), refresh=True)
            except ServiceUnreachable as error:
                live.update(shown(Text(str(error), style="red")), refresh=True)


def report(
    project: targets.ProjectOption = None,
    question: targets.QuestionOption = None,
    version: targets.VersionOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Show what the champion (or another checkpoint) was trained on, and how well it does, by class and slice."""
    client = targets.service()
    found, asked = targets.asked(client, project, question)
    body = client.report(found["id"], asked["name"], version, markdown=not as_json)
    if as_json:
        typer.echo(json.dumps(body, indent=1, ensure_ascii=False))
    elif sys.stdout.isatty():
        Console().print(Markdown(body))
    else:
        typer.echo(body)
