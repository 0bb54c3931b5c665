"""`make demo`: one command from a clone to suggestions in the browser. Ctrl-C stops everything; the labels stay."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import requests
from rich.console import Console
from rich.markup import escape

from backend.commands import wording
from demo.home import DemoError, Home, free_port, is_free
from demo.messages import LABEL_CONFIG, Gold, tasks
from demo.stack.annotator import Annotator
from demo.stack.label_studio import LabelStudioServer
from demo.stack.labelwheel import LabelwheelServer
from demo.terminal import Watch, after, curve, pause, step

HOME = Path(__file__).resolve().parents[1] / ".demo"
TITLE = "Messages to Linden"
WINDOW = 20  # labels that one point of the acceptance curve stands for
CONNECT_SECONDS = 600


def main() -> int:
    """Parse, run, and end with one clear line where something is in the way."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--tool", choices=["label-studio"], default="label-studio")
    parser.add_argument("--simulate", action="store_true", help="let a simulated annotator label from the gold answers")
    parser.add_argument("--labels", type=int, help="how many tasks the simulated annotator labels (default: all)")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two simulated submits")
    parser.add_argument("--home", type=Path, default=HOME, help="where everything is kept")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
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
        home = stack.enter_context(Home(arguments.home))
        if ended := home.end_leftovers():
            console.print(f"[yellow]an earlier demo was killed; ended {ended} processes that it left[/]")
        studio = LabelStudioServer(folder=home.label_studio, port=_label_studio_port(home, console))
        wheel = LabelwheelServer(home=home.labelwheel, port=_labelwheel_port(home, console), token=home.token)
        stack.callback(_stop, studio, wheel, home, console)
        _start(studio, wheel, home, console)
        watch = stack.enter_context(Watch(wheel.status, console))
        look = _guarded(watch.tick, studio, wheel)
        project = _project(studio, home, console)
        _connect(studio, wheel, home, project, look, console)
        console.print(_welcome(studio, wheel, home, project), highlight=False, soft_wrap=True)
        if arguments.simulate:
            simulate(Annotator(studio.api, project, Gold()), look, console, arguments)
        while True:
            pause(3600, look)


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


def _start(studio: LabelStudioServer, wheel: LabelwheelServer, home: Home, console: Console) -> None:
    first = "" if (home.label_studio / "data").exists() else " (the first time it makes its database: a minute or two)"
    with step(console, f"starting Label Studio{first}", lambda: f"Label Studio is up at {studio.url}"):
        studio.start()
    with step(console, "starting labelwheel", lambda: f"labelwheel is up at {wheel.url}"):
        wheel.start()


def _project(studio: LabelStudioServer, home: Home, console: Console) -> int:
    """The project of an earlier demo, or a new one with all messages in it."""
    there = {project["id"]: project for project in studio.api("GET", "/api/projects/")["results"]}
    number = home.get("project")
    if number not in there:
        number = studio.create_project(LABEL_CONFIG, title=TITLE)
        home.keep(project=number)
        there[number] = {"task_number": 0}
    if not there[number]["task_number"]:
        messages = tasks()
        studio.import_tasks(number, messages)
        console.print(f"[green]✓[/] {len(messages)} messages are in the project “{TITLE}”", highlight=False)
    return int(number)


def _connect(
    studio: LabelStudioServer,
    wheel: LabelwheelServer,
    home: Home,
    project: int,
    look: Callable[[], None],
    console: Console,
) -> None:
    """`labelwheel connect`, as people would type it, with what happens meanwhile; nothing to do the second time."""

    def found() -> dict[str, Any]:
        known = (each for each in wheel.status()["projects"] if each["external_id"] == str(project))
        return next(known, {"state": "unknown"})

    state = found()
    if state["state"] == "connected" and home.get("connected") == wheel.url:
        console.print(_so_far(studio.project(project), state), highlight=False, soft_wrap=True)
        return
    console.print("connecting: labelwheel reads the questions, and prepares the first suggestions …")
    wheel.environment["LABELWHEEL_API_KEY"] = studio.pat  # others on this machine could read it on a command line
    done = wheel.run("connect", "label-studio", "--url", studio.url, "--project", str(project), "--no-wait")
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


def _so_far(shown: dict[str, Any], project: dict[str, Any]) -> str:
    """What an earlier demo has come to; labelwheel may not have looked yet for the last labels, so those are asked."""
    labelled, total = shown["num_tasks_with_annotations"], shown["task_number"]
    lines = [f"[green]✓[/] connected as before, {labelled} of {total} messages labelled so far"]
    for question in project["questions"]:
        champion, left = question["champion"], question["next_round"]["labels_left"]
        score = wording.score(champion) if champion else "no suggestions yet"
        if champion and champion["recipe"] == "names":
            score = "suggested by the names of its labels"
        lines.append(f"  [cyan]{question['name']}[/]: {score}" + (f"; next round {after(left)}" if left else ""))
    return "\n".join(lines)


def _welcome(studio: LabelStudioServer, wheel: LabelwheelServer, home: Home, project: int) -> str:
    return (
        f"\n[bold green]ready.[/] Open  [bold]{studio.url}/projects/{project}/data?labeling=1[/]\n"
        f"       login [bold]{studio.username}[/]  password [bold]{studio.password}[/]\n"
        "\nLabel some messages: what was decided because of them shows up here. In another terminal:\n"
        f"  export LABELWHEEL_URL={wheel.url} LABELWHEEL_TOKEN=$(cat {home.shown}/token)\n"
        "  .venv/bin/labelwheel status --watch\n"
        "Ctrl-C stops everything; the labels are kept for the next `make demo`.\n"
    )


def _guarded(tick: Callable[[], None], studio: LabelStudioServer, wheel: LabelwheelServer) -> Callable[[], None]:
    """A tick that notices when one of the two is gone for good."""

    def look() -> None:
        for name, server in {"Label Studio": studio, "labelwheel": wheel}.items():
            if not server.running:
                raise DemoError(f"{name} has ended by itself; the end of {server.log}:\n{server.tail(20)}")
        with contextlib.suppress(requests.RequestException):
            tick()

    return look


def _label_studio_port(home: Home, console: Console) -> int:
    """The same as before, since labelwheel knows the project by its address."""
    port = home.get("label_studio_port")
    if port is None:
        port = free_port(8080)
        if port != 8080:
            console.print(f"[yellow]port 8080 is taken; Label Studio gets {port}[/]")
        home.keep(label_studio_port=port)
    if not is_free(port):
        raise DemoError(
            f"port {port}, where the Label Studio of this demo was, is taken by another program. "
            'Stop that one, or start a demo of its own: make demo ARGS="--home .demo/other"'
        )
    return int(port)


def _labelwheel_port(home: Home, console: Console) -> int:
    port = free_port(home.get("labelwheel_port") or 9090)
    if port != (home.get("labelwheel_port") or 9090):
        console.print(f"[yellow]port {home.get('labelwheel_port') or 9090} is taken; labelwheel gets {port}[/]")
    home.keep(labelwheel_port=port)
    return port


def _stop(studio: LabelStudioServer, wheel: LabelwheelServer, home: Home, console: Console) -> None:
    """End both; another Ctrl-C ends them at once."""
    console.print("\nstopping Label Studio and labelwheel …")
    signal.signal(signal.SIGINT, lambda *_: home.end_leftovers(signal.SIGKILL))
    studio.close()
    wheel.close()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
