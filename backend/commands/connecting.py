"""connect, disconnect: a project and the labelling tool that it is in."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from typer.core import TyperGroup

from backend import connectors
from backend.client import Client
from backend.commands import choosing
from backend.errors import Conflict
from plugins.connector import Argument, Connector
from training.errors import LabelwheelError

WORKER_SECONDS = 30.0
"""How long to wait for a worker that gives no sign of life."""


class Tools(TyperGroup):
    """One command for each labelling tool, with the options that its connector asks for; loaded when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The tools that are installed."""
        return connectors.names()

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of one tool; a mistake on the command line where there is none."""
        if cmd_name not in connectors.names():
            names = ", ".join(connectors.names()) or "none"
            raise typer.BadParameter(f"there is no connector for {cmd_name!r}; installed: {names}")
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        single.command(name=cmd_name)(_command(cmd_name, connectors.load(cmd_name)))
        return typer.main.get_command(single)


connect = typer.Typer(
    cls=Tools,
    help="Connect a project: wire the tool, take in its labels, prepare the first suggestions. Safe to repeat.",
    subcommand_metavar="TOOL …",
)


def _command(tool: str, connector: type[Connector]) -> Callable[..., None]:
    def run(**given: Any) -> None:
        own = ("url", "api_key", "backend_url", "wait")
        arguments = {name: value for name, value in given.items() if name not in own and value}
        _connect(tool, given["url"], connector.place(arguments), given["api_key"], given["backend_url"], given["wait"])

    run.__doc__ = "Connect a project: wire the tool, take in its labels, prepare the first suggestions. Safe to repeat."
    places = [_option(each) for each in connector.arguments]
    run.__signature__ = inspect.Signature([_URL, *places, _API_KEY, _BACKEND_URL, _WAIT])  # type: ignore[attr-defined]
    return run


def _option(argument: Argument) -> inspect.Parameter:
    flags = [f"--{argument.name}", *([f"-{argument.short}"] if argument.short else [])]
    option = typer.Option(*flags, help=argument.help)
    if argument.required:
        return _parameter(argument.name, Annotated[str, option])
    return _parameter(argument.name, Annotated[str | None, option], default=None)


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


_URL = _parameter("url", Annotated[str, typer.Option(help="where the labelling tool is")])
_API_KEY = _parameter(
    "api_key",
    Annotated[
        str | None,
        typer.Option(envvar="LABELWHEEL_API_KEY", help="your key of the labelling tool; asked for if not given"),
    ],
    default=None,
)
_BACKEND_URL = _parameter(
    "backend_url",
    Annotated[
        str | None,
        typer.Option(help="where the labelling tool finds labelwheel, if LABELWHEEL_PUBLIC_URL is not right"),
    ],
    default=None,
)
_WAIT = _parameter("wait", Annotated[bool, typer.Option(help="wait until the project is connected")], default=True)


def _connect(tool: str, url: str, place: str, api_key: str | None, backend_url: str | None, wait: bool) -> None:
    if not api_key:
        if not sys.stdin.isatty():
            raise typer.BadParameter("give your key of the labelling tool as --api-key or LABELWHEEL_API_KEY")
        api_key = typer.prompt("Key of the labelling tool", hide_input=True, err=True)
    client = choosing.service()
    number = int(client.connect(tool, url, place, str(api_key), backend_url)["id"])
    if wait:
        _follow(client, number)
    else:
        Console().print(f"project {number} is being connected; `labelwheel status` shows how far it is")


def disconnect(project: choosing.ProjectOption = None) -> None:
    """Undo the wiring of a project. Labels and suggestions stay in the tool, the ledger and the checkpoints here."""
    client = choosing.service()
    found = choosing.project(client.status(), project)
    client.disconnect(found["id"])
    deadline = time.monotonic() + 60
    while (state := client.project(found["id"]))["state"] == "disconnecting":
        if time.monotonic() > deadline:
            raise Conflict("the worker has not disconnected it yet; `labelwheel status` shows when it has")
        time.sleep(0.3)
    if state["state"] != "disconnected":
        raise LabelwheelError(state["problem"] or f"project {found['id']} is {state['state']}")
    Console().print(f"project {choosing.title(found)} is disconnected")


def _follow(client: Client, number: int) -> None:
    console = Console()
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn()
    silent_since = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("connecting", total=None)
        told = ""
        while True:
            status = client.status()
            found = next(each for each in status["projects"] if each["id"] == number)
            if found["state"] != "connecting":
                break
            if status["worker"]["alive"]:
                silent_since = time.monotonic()
            elif time.monotonic() - silent_since > WORKER_SECONDS:
                raise Conflict(
                    "no worker is running, so nothing is connected yet; look at the log of `labelwheel serve`"
                )
            step, done = _step(found)
            bar.update(task, description=step, total=None if done is None else 1.0, completed=done or 0.0)
            if step != told and not console.is_terminal:
                console.print(f"… {step}")
            told = step
            time.sleep(0.5)
    if found["state"] != "connected":
        raise LabelwheelError(found["problem"] or f"project {number} is {found['state']}")
    names = ", ".join(each["name"] for each in found["questions"] if each.get("active", True))
    console.print(
        f"[bold]{choosing.title(found)}[/bold] is connected as project {number}; learning: {names or 'nothing'}"
    )
    for each in found["unlearnt"]:
        console.print(f"  not learnt: {each['name']}: {each['reason']}", style="yellow", markup=False)


def _step(project: choosing.Row) -> tuple[str, float | None]:
    """What is going on, and how far the round that is part of it is."""
    running = [(each["name"], each["round"]) for each in project["questions"] if each.get("round")]
    if not running:
        return project["step"] or "connecting", None
    name, current = running[0]
    return f"preparing the first suggestions for {name}", current["progress"]
