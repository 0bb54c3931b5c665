"""What a command is about: the running service, one of its projects, one of the project's questions."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from labelwheel.backend.errors import InvalidRequest, NotFound
from labelwheel.backend.settings import load
from labelwheel.backend.web.client import Client

Row = dict[str, Any]

ProjectOption = Annotated[
    str | None,
    typer.Option("--project", "-p", help="the project, by its number or title; needed where there are several"),
]
OneProjectOption = Annotated[
    str | None, typer.Option("--project", "-p", help="only this project, by its number or title")
]
QuestionOption = Annotated[
    str | None, typer.Option("--question", "-q", help="the question, by its name; needed where there are several")
]
VersionOption = Annotated[str | None, typer.Option("--version", help="another checkpoint than the champion")]


def service() -> Client:
    """The service that LABELWHEEL_URL and LABELWHEEL_TOKEN lead to; LABELWHEEL_READ_TOKEN is enough to look."""
    settings = load()
    return Client(settings.url, settings.token or settings.read_token)


def asked(client: Client, project_wanted: str | None, question_wanted: str | None) -> tuple[Row, Row]:
    """The project that is meant, and its question; raises NotFound and InvalidRequest, naming what there is."""
    found = project(client.status(), project_wanted)
    return found, question(found, question_wanted)


def project(status: Row, wanted: str | None) -> Row:
    """The project that is meant; raises NotFound and InvalidRequest, naming what there is."""
    connected = [each for each in status["projects"] if each["state"] != "disconnected"]
    if wanted is not None:
        by_number = [each for each in status["projects"] if wanted == str(each["id"])]
        named = [each for each in connected if wanted in (each["title"], each["external_id"])]
        found = by_number or named
        if not found:
            raise NotFound(f"there is no project {wanted!r}; {_list('there are', connected)}")
    else:
        # what could not be connected is nobody's choice, as long as there is another
        found = [each for each in connected if each["state"] != "failed"] or connected
    if not found:
        raise NotFound("no project is connected; run `labelwheel connect` first")
    if len(found) > 1:
        raise InvalidRequest(f"say which project with --project; {_list('there are', found)}")
    return found[0]


def question(project: Row, wanted: str | None) -> Row:
    """The question that is meant; raises NotFound and InvalidRequest, naming what there is."""
    asked = [each for each in project["questions"] if each.get("active", True)]
    names = ", ".join(each["name"] for each in asked) or "none that is learnt"
    found = asked if wanted is None else [each for each in asked if each["name"] == wanted]
    if len(found) > 1:
        raise InvalidRequest(f"say which question with --question; there are: {names}")
    if not found:
        what = f"no question {wanted!r}" if wanted is not None else "no question"
        raise NotFound(f"project {title(project)} has {what}; there are: {names}")
    return found[0]


def questions(project: Row, wanted: str | None) -> list[Row]:
    """The question that is meant, or all that are asked."""
    return [question(project, wanted)] if wanted else [each for each in project["questions"] if each["active"]]


def title(project: Row) -> str:
    """How people call a project."""
    return project["title"] or f"{project['tool']} {project['external_id']}"


def _list(prefix: str, projects: list[Row]) -> str:
    return f"{prefix}: " + (", ".join(f"{each['id']} ({title(each)})" for each in projects) or "none")
