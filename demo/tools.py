"""The labelling tools of the demo: what each is called, and how the messages come into it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from demo.home import DemoError, Home, free_port, is_free
from demo.messages import LABEL_CONFIG, ArgillaGold, Gold, argilla_questions, tasks
from testkit.annotator import Annotator
from testkit.argilla import ArgillaServer
from testkit.argilla_annotator import ArgillaAnnotator
from testkit.argilla_api import text_field
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer

TITLE = "Messages to Linden"
INSTRUCTIONS = (Path(__file__).parent / "instructions.html").read_text(encoding="utf-8").strip()
"""What Label Studio and Argilla show before the first message: the short form of README.md."""


class Tool(Protocol):
    """A labelling tool with the messages in it. `server` starts, stops and shows the end of its log."""

    name: str
    server: LabelStudioServer | ArgillaServer

    @property
    def is_new(self) -> bool:
        """Whether it has to make its database first."""

    @property
    def place(self) -> str:
        """What labelwheel calls the project."""

    @property
    def page(self) -> str:
        """Where people label."""

    def fill(self, console: Console) -> None:
        """The project of an earlier demo, or a new one with all messages in it."""

    def connect(self, wheel: LabelwheelServer) -> list[str]:
        """Hand the key over, and return the arguments of `labelwheel connect`."""

    def so_far(self) -> tuple[int, int]:
        """How many messages are labelled, of how many."""

    def annotator(self) -> Annotator:
        """Somebody who labels."""


class LabelStudioTool:
    """The messages as a project of Label Studio."""

    name = "Label Studio"

    def __init__(self, home: Home, console: Console) -> None:
        self.home = home
        self.server: LabelStudioServer = LabelStudioServer(
            folder=home.label_studio, port=port(home, console, self.name, "label_studio_port", 8080)
        )

    @property
    def is_new(self) -> bool:
        return not (self.home.label_studio / "data").exists()

    @property
    def place(self) -> str:
        return str(self.home.get("project"))

    @property
    def page(self) -> str:
        return f"{self.server.url}/projects/{self.place}/data?labeling=1"

    def fill(self, console: Console) -> None:
        studio = self.server
        if token := self.home.get("token"):
            studio.pat = token
        else:
            self.home.keep(token=studio.release_token())
        there = {project["id"]: project for project in studio.api("GET", "/api/projects/")["results"]}
        number = self.home.get("project")
        if number not in there:
            number = studio.create_project(
                LABEL_CONFIG, title=TITLE, expert_instruction=INSTRUCTIONS, show_instruction=True
            )
            self.home.keep(project=number)
            there[number] = {"task_number": 0}
        if not there[number]["task_number"]:
            messages = tasks()
            studio.import_tasks(number, messages)
            console.print(f"[green]✓[/] {len(messages)} messages are in the project “{TITLE}”", highlight=False)

    def connect(self, wheel: LabelwheelServer) -> list[str]:
        wheel.environment["LABELWHEEL_API_KEY"] = self.server.pat  # others here could read it on a command line
        return ["label-studio", "--url", self.server.url, "--project", self.place]

    def so_far(self) -> tuple[int, int]:
        shown = self.server.project(int(self.place))
        return shown["num_tasks_with_annotations"], shown["task_number"]

    def annotator(self) -> Annotator:
        return Annotator(self.server.api, int(self.place), Gold())


class ArgillaTool:
    """The messages as a dataset of Argilla."""

    name = "Argilla"
    dataset = "messages"
    guidelines = "\n\n".join(re.sub("<[^>]+>", "", line) for line in INSTRUCTIONS.split("\n"))

    def __init__(self, home: Home, console: Console) -> None:
        self.home = home
        self.server: ArgillaServer = ArgillaServer(
            folder=home.argilla, port=port(home, console, self.name, "argilla_port", 6900)
        )

    @property
    def is_new(self) -> bool:
        return not (self.home.argilla / "home").exists()

    @property
    def place(self) -> str:
        return self.dataset

    @property
    def page(self) -> str:
        return f"{self.server.url}/dataset/{self.home.get('dataset')}/annotation-mode"

    def fill(self, console: Console) -> None:
        argilla = self.server
        there = {each["id"] for each in argilla.api("GET", "/me/datasets")["items"]}
        number = self.home.get("dataset")
        if number not in there:
            number = argilla.create_dataset(
                self.dataset, [text_field()], argilla_questions(), guidelines=self.guidelines
            )
            self.home.keep(dataset=number)
        if not argilla.api("GET", f"/datasets/{number}/progress")["total"]:
            messages = [{"fields": {"text": task["text"]}, "external_id": task["id"]} for task in tasks()]
            argilla.add(number, messages)
            console.print(f"[green]✓[/] {len(messages)} messages are in the dataset “{self.dataset}”", highlight=False)

    def connect(self, wheel: LabelwheelServer) -> list[str]:
        wheel.environment["LABELWHEEL_API_KEY"] = self.server.api_key
        return ["argilla", "--url", self.server.url, "--dataset", self.dataset]

    def so_far(self) -> tuple[int, int]:
        progress = self.server.api("GET", f"/datasets/{self.home.get('dataset')}/progress")
        return progress["completed"], progress["total"]

    def annotator(self) -> Annotator:
        return ArgillaAnnotator(self.server.api, self.home.get("dataset"), ArgillaGold())


TOOLS: dict[str, Any] = {"label-studio": LabelStudioTool, "argilla": ArgillaTool}


def port(home: Home, console: Console, name: str, memory: str, wanted: int) -> int:
    """The same as before, since labelwheel knows the project by its address."""
    found = home.get(memory)
    if found is None:
        found = free_port(wanted)
        if found != wanted:
            console.print(f"[yellow]port {wanted} is taken; {name} gets {found}[/]")
        home.keep(**{memory: found})
    if not is_free(found):
        raise DemoError(
            f"port {found}, where the {name} of this demo was, is taken by another program. "
            'Stop that one, or start a demo of its own: make demo ARGS="--home .demo/other"'
        )
    return int(found)
