"""connect, disconnect: a project and the labelling tool that it is in."""

from __future__ import annotations

import contextlib
import inspect
import sys
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from labelwheel.backend.commands import targets
from labelwheel.backend.commands.help import Command, Group
from labelwheel.backend.errors import Conflict, NotFound
from labelwheel.backend.projects import connectors
from labelwheel.backend.views import wording
from labelwheel.backend.web.client import Client
from labelwheel.plugins.connector import Argument, Connector
from labelwheel.training.errors import LabelwheelError

_HELP = "Connect a project: wire the tool, take in its labels, prepare the first suggestions. Safe to repeat."

WORKER_SECONDS = 30.0
"""How long to wait for a worker that gives no sign of life."""


class Tools(Group):
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
        single.command(name=cmd_name, cls=Command)(_command(cmd_name, connectors.load(cmd_name)))
        return typer.main.get_command(single)


connect = typer.Typer(
    cls=Tools,
    help=_HELP,
    subcommand_metavar="TOOL …",
)


def _command(tool: str, connector: type[Connector]) -> Callable[..., None]:
    def run(**given: Any) -> None:
        ours = {name: given.pop(name) for name in (each.name for each in _OURS)}
        _connect(tool, connector.place({name: value for name, value in given.items() if value}), **ours)

    run.__doc__ = _HELP
    places = [_option(each) for each in connector.arguments]
    run.__signature__ = inspect.Signature([_OURS[0], *places, *_OURS[1:]])  # type: ignore[attr-defined]
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
_SHARE_WITH = _parameter(
    "share_with",
    Annotated[
        str | None,
        typer.Option(
            metavar="PROJECT", help="use one champion with that project of labelwheel, where both ask the same"
        ),
    ],
    default=None,
)
_WAIT = _parameter("wait", Annotated[bool, typer.Option(help="wait until the project is connected")], default=True)

_OURS = (_URL, _API_KEY, _BACKEND_URL, _SHARE_WITH, _WAIT)


def _connect(
    tool: str, place: str, url: str, api_key: str | None, backend_url: str | None, share_with: str | None, wait: bool
) -> None:
    if not api_key:
        if not sys.stdin.isatty():
            raise typer.BadParameter("give your key of the labelling tool as --api-key or LABELWHEEL_API_KEY")
        api_key = typer.prompt("Key of the labelling tool", hide_input=True, err=True)
    client = targets.service()
    number = int(client.connect(tool, url, place, str(api_key), backend_url, share_with)["id"])
    if wait:
        try:
            _follow(client, number, share_with)
        except LabelwheelError:
            with contextlib.suppress(LabelwheelError):
                client.withdraw(number)
            raise
    else:
        Console().print(f"project {number} is being connected; `labelwheel status` shows how far it is")


def disconnect(project: targets.ProjectOption = None) -> None:
    """Undo the wiring of a project. Labels and suggestions stay in the tool, the ledger and the checkpoints here."""
    client = targets.service()
    found = targets.project(client.status(), project)
    client.disconnect(found["id"])
    deadline = time.monotonic() + 60
    while (state := client.project(found["id"]))["state"] == "disconnecting":
        if time.monotonic() > deadline:
            raise Conflict("the worker has not disconnected it yet; `labelwheel status` shows when it has")
        time.sleep(0.3)
    if state["state"] != "disconnected":
        raise LabelwheelError(state["problem"] or f"project {found['id']} is {state['state']}")
    Console().print(f"project {targets.title(found)} is disconnected")


def _follow(client: Client, number: int, share_with: str | None) -> None:
    console = Console()
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn()
    silent_since = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("connecting", total=None)
        told = ""
        while True:
            status = client.status()
            found = next((each for each in status["projects"] if each["id"] == number), None)
            if found is None:
                raise NotFound(f"somebody disconnected project {number} meanwhile")
            if found["state"] != "connecting":
                break
            if status["worker"]["alive"]:
                silent_since = time.monotonic()
            elif time.monotonic() - silent_since > WORKER_SECONDS:
                raise Conflict(
                    "no worker is running, so nothing is connected yet; look at the log of `labelwheel serve`"
                )
            step, done = under_way(found, status["projects"])
            bar.update(task, description=step, total=None if done is None else 1.0, completed=done or 0.0)
            if step != told and not console.is_terminal:
                console.print(f"… {step}")
            told = step
            time.sleep(0.5)
    if found["state"] != "connected":
        raise LabelwheelError(found["problem"] or f"project {number} is {found['state']}")
    names = ", ".join(each["name"] for each in found["questions"] if each.get("active", True))
    console.print(
        f"[bold]{targets.title(found)}[/bold] is connected as project {number}; learning: {names or 'nothing'}"
    )
    console.print(f"  see it learn: {client.url}/projects/{number}/learning", highlight=False, soft_wrap=True)
    for line in wording.shared(found):
        console.print(f"  {line}", style="green", markup=False, highlight=False)
    if found.get("blind"):
        console.print(
            f"  {found['blind']:.0%} of the examples get no suggestion (LABELWHEEL_BLIND): scores rest on labels that "
            "are no echo of one",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
    if model := status.get("language_model"):
        teaches = ", also some that nobody asks about (LABELWHEEL_LLM_ROLE)" if model.get("role") == "teacher" else ""
        redacted = f", redacted by {model['redaction']}" if model.get("redaction") else ""
        console.print(
            f"  its texts go to the language model {model['model']} at {model['place']} (LABELWHEEL_LLM_URL), for up "
            f"to {model['budget']:g} a day{teaches}{redacted}",
            style="yellow", markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
    for each in found["questions"]:
        if share_with is not None and each.get("active", True) and not each["shared_with"]:
            reason = f"project {share_with} has no single question of the same kind with the same options"
            console.print(f"  not shared: {each['name']}: {reason}", style="yellow", markup=False, highlight=False)
    for each in found["unlearnt"]:
        console.print(f"  not learnt: {each['name']}: {each['reason']}", style="yellow", markup=False)


def under_way(project: targets.Row, everyone: list[targets.Row]) -> tuple[str, float | None]:
    """What is going on, and how far the round that is part of it is; a round waits for those of other projects."""
    rounds = [(each["name"], each["round"]) for each in project["questions"] if each.get("round")]
    if not rounds:
        return project["step"] or "connecting", None
    name, current = rounds[0]
    ahead = next((each for each in everyone if each["id"] != project["id"] and _trains(each)), None)
    if current["state"] == "queued" and ahead is not None:
        return f"waiting for a round of {targets.title(ahead)} to end before the first suggestions for {name}", None
    return f"preparing the first suggestions for {name}", current["progress"]


def _trains(project: targets.Row) -> bool:
    return any(each.get("round") and each["round"]["state"] == "running" for each in project["questions"])
