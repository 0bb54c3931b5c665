"""`make demo`: one command from a clone to suggestions in the browser. Ctrl-C stops everything; the labels stay."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import requests
from rich.console import Console
from rich.markup import escape

from demo.home import DemoError, Home, free_port
from demo.terminal import Watch, after, curve, pause, step
from demo.tools import TOOLS, Tool
from labelwheel.backend.views import wording
from testkit.annotator import Annotator
from testkit.labelwheel import LabelwheelServer

HOMES = {
    name: Path(__file__).resolve().parents[1] / folder
    for name, folder in (("label-studio", ".demo"), ("argilla", ".demo/argilla"))
}
WINDOW = 20  # labels that one point of the acceptance curve stands for
CONNECT_SECONDS = 600
THE_DEMOS_OWN = frozenset(
    f"LABELWHEEL_{name}"
    for name in (
        *("HOME", "HOST", "PORT", "URL", "PUBLIC_URL", "TOOL_ADDRESSES"),
        *("TOKEN", "API_KEY", "SECRET_KEY", "DATABASE", "STORE", "LAUNCHER"),
    )
)
"""Where a demo is and what it keeps, whatever the shell has for another service."""


def main() -> int:
    """Parse, run, and end with one clear line where something is in the way."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--tool", choices=sorted(TOOLS), default="label-studio")
    parser.add_argument("--simulate", action="store_true", help="let a simulated annotator label from the gold answers")
    parser.add_argument("--labels", type=int, help="how many tasks the simulated annotator labels (default: all)")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two simulated submits")
    parser.add_argument("--home", type=Path, help="where everything is kept")
    arguments = parser.parse_args()
    # Ctrl-C too: who is started in the background by a script inherits that it is ignored
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    console = Console()
    try:
        run(arguments, console)
    except KeyboardInterrupt:
        console.print("stopped. The labels are kept: `make demo` goes on from here", highlight=False)
    except (DemoError, AssertionError, OSError) as error:
        console.print(f"[red]the demo cannot go on:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    return 0


def run(arguments: argparse.Namespace, console: Console) -> NoReturn:
    """Everything up, connected and watched, until Ctrl-C."""
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(Home(arguments.home or HOMES[arguments.tool]))
        if ended := home.end_leftovers():
            console.print(f"[yellow]an earlier demo was killed; ended {ended} processes that it left[/]")
        tool: Tool = TOOLS[arguments.tool](home, console)
        wheel = LabelwheelServer(
            home=home.labelwheel, port=_labelwheel_port(home, console), token=home.token, environment=settings()
        )
        stack.callback(_stop, tool, wheel, home, console)
        _start(tool, wheel, console)
        watch = stack.enter_context(Watch(wheel.status, console))
        look = _guarded(watch.tick, tool, wheel)
        tool.fill(console)
        _connect(tool, wheel, home, look, console)
        console.print(_welcome(tool, wheel, home, arguments.tool), highlight=False, soft_wrap=True)
        if arguments.simulate:
            simulate(tool.annotator(), look, console, arguments)
        while True:
            pause(3600, look)


def settings() -> dict[str, str]:
    """The settings of the shell, which people try out with the demo."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("LABELWHEEL_")}
    return {name: value for name, value in ours.items() if name not in THE_DEMOS_OWN}


def simulate(annotator: Annotator, look: Callable[[], None], console: Console, arguments: argparse.Namespace) -> None:
    """Label until nothing is left, and print the share of accepted suggestions as it develops."""
    console.print(f"a simulated annotator labels now, one message every {arguments.pause:g} s or so", highlight=False)
    while arguments.labels is None or len(annotator.turns) < arguments.labels:
        turn = annotator.turn()
        if turn is None:
            break
        pause(arguments.pause, look)
        if len(annotator.turns) % WINDOW == 0:
            console.print(_accepted(annotator), highlight=False)
    through = f"the simulated annotator is through: {len(annotator.turns)} messages labelled"
    console.print(f"{through}. Have a look in the browser; Ctrl-C stops everything", highlight=False)


def _accepted(annotator: Annotator) -> str:
    """Of each run of labels, the share whose suggestion was right as it stood: now, and as a curve."""
    told = []
    for question in annotator.turns[-1].accepted:
        right = [turn.accepted[question] for turn in annotator.turns]
        shares = [sum(right[start : start + WINDOW]) / WINDOW for start in range(0, len(right), WINDOW)]
        told.append(f"[cyan]{question}[/] [bold]{shares[-1]:4.0%}[/] {curve(shares)}")
    return (
        f"[magenta]{len(annotator.turns):4d} labels[/], of the last {WINDOW} accepted as suggested:  {'   '.join(told)}"
    )


def _start(tool: Tool, wheel: LabelwheelServer, console: Console) -> None:
    first = " (the first time it makes its database: a minute or two)" if tool.is_new else ""
    with step(console, f"starting {tool.name}{first}", lambda: f"{tool.name} is up at {tool.server.url}"):
        tool.server.start()
    with step(console, "starting labelwheel", lambda: f"labelwheel is up at {wheel.url}"):
        wheel.start()


def _connect(
    tool: Tool,
    wheel: LabelwheelServer,
    home: Home,
    look: Callable[[], None],
    console: Console,
) -> None:
    """`labelwheel connect`, as people would type it, with what happens meanwhile; nothing to do the second time."""

    def found() -> dict[str, Any]:
        known = (each for each in wheel.status()["projects"] if each["external_id"] == tool.place)
        return next(known, {"state": "unknown"})

    state = found()
    if state["state"] == "connected" and home.get("connected") == wheel.url:
        console.print(_so_far(*tool.so_far(), state), highlight=False, soft_wrap=True)
        return
    console.print("connecting: labelwheel reads the questions, and prepares the first suggestions …")
    done = wheel.run("connect", *tool.connect(wheel), "--no-wait")
    if done.returncode:
        raise DemoError(f"labelwheel connect: {done.stderr.strip() or done.stdout.strip()}")
    deadline = time.monotonic() + CONNECT_SECONDS
    while (state := found())["state"] in ("connecting", "unknown"):
        if time.monotonic() > deadline:
            raise DemoError(f"it was not connected within {CONNECT_SECONDS} s; see {wheel.log}\n{wheel.tail(20)}")
        pause(1, look)
    look()
    if state["state"] != "connected":
        raise DemoError(f"it could not be connected: {state['problem'] or state['state']}; see {wheel.log}")
    home.keep(connected=wheel.url)


def _so_far(labelled: int, total: int, project: dict[str, Any]) -> str:
    """What an earlier demo has come to; labelwheel may not have looked yet for the last labels, so those are asked."""
    lines = [f"[green]✓[/] connected as before, {labelled} of {total} messages labelled so far"]
    for question in project["questions"]:
        champion, left = question["champion"], question["next_round"]["labels_left"]
        score = wording.score(champion) if champion else "no suggestions yet"
        lines.append(f"  [cyan]{question['name']}[/]: {score}" + (f"; next round {after(left)}" if left else ""))
    return "\n".join(lines)


def _welcome(tool: Tool, wheel: LabelwheelServer, home: Home, name: str) -> str:
    again = "make demo" if name == "label-studio" else f"make demo TOOL={name}"
    return (
        f"\n[bold green]ready.[/] Open  [bold]{tool.page}[/]\n"
        f"       login [bold]{tool.server.username}[/]  password [bold]{tool.server.password}[/]\n"
        f"       and see it learn: [bold]{wheel.url}[/], with the token of {home.shown}/token\n"
        "\nLabel some messages: what was decided because of them shows up here. In another terminal:\n"
        f"  export LABELWHEEL_URL={wheel.url} LABELWHEEL_TOKEN=$(cat {home.shown}/token)\n"
        "  .venv/bin/labelwheel status --watch\n"
        f"Ctrl-C stops everything; the labels are kept for the next `{again}`.\n"
    )


def _guarded(tick: Callable[[], None], tool: Tool, wheel: LabelwheelServer) -> Callable[[], None]:
    """A tick that notices when one of the two is gone for good."""

    def look() -> None:
        for name, server in {tool.name: tool.server, "labelwheel": wheel}.items():
            if not server.running:
                raise DemoError(f"{name} has ended by itself; the end of {server.log}:\n{server.tail(20)}")
        with contextlib.suppress(requests.RequestException):
            tick()

    return look


def _labelwheel_port(home: Home, console: Console) -> int:
    port = free_port(home.get("labelwheel_port") or 9090)
    if port != (home.get("labelwheel_port") or 9090):
        console.print(f"[yellow]port {home.get('labelwheel_port') or 9090} is taken; labelwheel gets {port}[/]")
    home.keep(labelwheel_port=port)
    return port


def _stop(tool: Tool, wheel: LabelwheelServer, home: Home, console: Console) -> None:
    """End both; another Ctrl-C ends them at once."""
    console.print(f"\nstopping {tool.name} and labelwheel …")
    signal.signal(signal.SIGINT, lambda *_: home.end_leftovers(signal.SIGKILL))
    tool.server.close()
    wheel.close()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
