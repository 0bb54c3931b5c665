"""rotate, audit, new-key: new secrets for the labelling tools, who did what, and the way on where the key is lost."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from labelwheel.backend.commands import targets, terminal
from labelwheel.backend.commands.running import HomeOption
from labelwheel.backend.errors import Conflict, NotFound
from labelwheel.backend.settings import load
from labelwheel.backend.web.client import Client
from labelwheel.training.errors import LabelwheelError

SECONDS = 90.0
"""How long to wait for the worker and the labelling tool."""


def rotate(project: targets.ProjectOption = None) -> None:
    """Give the labelling tools new secrets, of one project or of all; the old ones end."""
    client = targets.service()
    status = client.status()
    if project is not None:
        wanted = [targets.project(status, project)]
    else:
        wanted = [each for each in status["projects"] if each["state"] == "connected"]
    if not wanted:
        raise NotFound("no project is connected; run `labelwheel connect` first")
    failed = []
    for each in wanted:
        client.rotate(each["id"])
    for each in wanted:
        trouble = _trouble(client, each["id"])
        if trouble is None:
            Console().print(f"{targets.title(each)} has new secrets, the old ones are good for nothing any more")
        else:
            failed.append(f"{targets.title(each)}: {trouble}")
    if failed:
        raise LabelwheelError(
            "not everywhere; the old secrets stay until the tool takes new ones, which is tried again: "
            + "; ".join(failed)
        )


def audit(
    project: targets.ProjectOption = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000, help="how many lines")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Show who did what, or tried to: the latest last."""
    client = targets.service()
    number = None if project is None else int(targets.project(client.status(), project)["id"])
    lines = client.audit(count, number)[::-1]
    if as_json:
        typer.echo(json.dumps(lines, indent=1, ensure_ascii=False))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("when", "who", "from", "project", "what", "answer"):
        table.add_column(name, overflow="fold")
    for line in lines:
        values = (line["at"][:19].replace("T", " "), line["role"], line["peer"], line["project_id"], line["action"])
        table.add_row(*("" if value is None else str(value) for value in (*values, line["status"])))
    terminal.console().print(table)


def new_key(home: HomeOption = None) -> None:
    """Go on without the key that the tools' keys were encrypted with: where it is lost, and the service is stopped."""
    from labelwheel.backend.database import keyring
    from labelwheel.backend.processes import home_folder

    settings = load(home=home)
    lost = home_folder.renew_key(settings)
    where = "LABELWHEEL_SECRET_KEY" if settings.secret_key is not None else str(keyring.path_of(settings))
    numbers = ", ".join(map(str, lost))
    told = f"connect these projects again, once the service runs: {numbers}" if lost else "it opens all that there is"
    Console().print(f"the key is that of {where}; {told}", highlight=False, soft_wrap=True)


def _trouble(client: Client, number: int) -> str | None:
    """Why the tool has no new secrets; None once it has. Raises Conflict where nobody says either way."""
    deadline = time.monotonic() + SECONDS
    while (found := client.project(number))["rewiring"] is not None:
        if found["rewiring"].get("trouble"):
            return str(found["rewiring"]["trouble"])
        if time.monotonic() > deadline:
            why = found["problem"] or "the worker has not got to it"
            raise Conflict(f"project {number} has its old secrets still ({why}); it gets new ones as soon as it can")
        time.sleep(0.3)
    return None
