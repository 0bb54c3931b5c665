"""`make demo`: one command from a clone to suggestions in the browser. Ctrl-C stops everything; the labels stay."""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from demo.messages import LABEL_CONFIG, Gold, tasks
from demo.stack.annotator import Annotator
from demo.stack.label_studio import LabelStudioServer
from demo.stack.labelwheel import LabelwheelServer, free_port
from demo.terminal import Watch, curve, pause

HOME = Path(__file__).resolve().parents[1] / ".demo"
WINDOW = 20  # turns that one point of the acceptance curve stands for


def main() -> int:
    """Parse, run, and end with one clear line where something is in the way."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--tool", choices=["label-studio"], default="label-studio")
    parser.add_argument("--simulate", action="store_true", help="let a simulated annotator label from the gold answers")
    parser.add_argument("--labels", type=int, help="how many tasks the simulated annotator labels (default: all)")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two simulated submits")
    parser.add_argument("--home", type=Path, default=HOME, help="where everything is kept")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console()
    try:
        run(arguments, console)
    except KeyboardInterrupt:
        console.print("\nstopped; `make demo` comes up with the labels kept")
    except (AssertionError, OSError) as error:
        console.print(f"[red]the demo cannot go on:[/] {error}", highlight=False)
        return 1
    return 0


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Everything up, connected and watched, until Ctrl-C or the simulated annotator is through."""
    memory = _remember(arguments.home)
    with contextlib.ExitStack() as stack:
        console.print("starting Label Studio (the very first time it makes its database: about a minute) …")
        studio = LabelStudioServer(folder=arguments.home / "label-studio", port=memory["label_studio_port"])
        stack.callback(studio.close)
        studio.start()
        console.print("starting labelwheel …")
        wheel = LabelwheelServer(
            home=arguments.home / "labelwheel", port=memory["labelwheel_port"], token=memory["token"]
        )
        stack.callback(wheel.close)
        wheel.start()
        watch = stack.enter_context(Watch(wheel.status, console))
        if "project" not in memory:
            memory["project"] = studio.create_project(LABEL_CONFIG, tasks(), title="Messages to Linden")
            _keep(arguments.home, memory)
        if not any(project["state"] == "connected" for project in wheel.status()["projects"]):
            console.print("connecting …")
            wheel.connect("label-studio", studio.url, studio.pat, memory["project"])
        watch.tick()
        console.print(_welcome(studio, wheel, memory["project"]), highlight=False)
        if arguments.simulate:
            simulate(Annotator(studio.api, memory["project"], Gold()), watch, console, arguments)
        else:
            pause(float("inf"), watch.tick)


def simulate(annotator: Annotator, watch: Watch, console: Console, arguments: argparse.Namespace) -> None:
    """Label until nothing is left, and print the share of accepted suggestions as it rises."""
    while arguments.labels is None or len(annotator.turns) < arguments.labels:
        turn = annotator.turn()
        if turn is None:
            break
        pause(arguments.pause, watch.tick)
        if len(annotator.turns) % WINDOW == 0:
            for question in turn.accepted:
                shares = [
                    sum(each.accepted[question] for each in annotator.turns[start : start + WINDOW]) / WINDOW
                    for start in range(0, len(annotator.turns), WINDOW)
                ]
                console.print(
                    f"[magenta]{len(annotator.turns):4d} labels[/] {question:<10} suggestions accepted as they stood: "
                    f"[bold]{shares[-1]:.0%}[/] of the last {WINDOW}  {curve(shares)}",
                    highlight=False,
                )
    console.print(f"the simulated annotator is through: {len(annotator.turns)} tasks labelled")


def _welcome(studio: LabelStudioServer, wheel: LabelwheelServer, project: int) -> str:
    return (
        f"\n[bold green]ready.[/] Open [bold]{studio.url}/projects/{project}/data?labeling=1[/]\n"
        f"  login [bold]{studio.username}[/]  password [bold]{studio.password}[/]\n"
        f"  export LABELWHEEL_URL={wheel.url} LABELWHEEL_TOKEN=$(cat .demo/token)\n"
        "  .venv/bin/labelwheel status --watch\n"
        "  Ctrl-C stops everything; the labels are kept for the next `make demo`.\n"
    )


def _remember(home: Path) -> dict[str, Any]:
    home.mkdir(parents=True, exist_ok=True)
    file = home / "demo.json"
    if file.exists():
        return dict(json.loads(file.read_text()))
    memory = {"label_studio_port": _port(8080), "labelwheel_port": _port(9090), "token": secrets.token_urlsafe(24)}
    (home / "token").touch(mode=0o600)
    (home / "token").write_text(memory["token"])
    _keep(home, memory)
    return memory


def _keep(home: Path, memory: dict[str, Any]) -> None:
    (home / "demo.json").touch(mode=0o600)
    (home / "demo.json").write_text(json.dumps(memory))


def _port(wanted: int) -> int:
    import socket

    with socket.socket() as probe:
        return free_port() if probe.connect_ex(("127.0.0.1", wanted)) == 0 else wanted


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
