"""Which project is meant, by its number, its address or its title."""

from __future__ import annotations

from typing import Any, cast

import pytest

from labelwheel.plugins.errors import ToolError
from labelwheel.plugins.label_studio.project import Project

TITLES = {1: "Mails", 2: "Tickets", 7: "tickets", 9: "2024", 12: "Tweets "}


class Client:
    """Label Studio's list of projects, two a page."""

    url = "http://tool.test"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get(self, path: str, params: Any = None, **_: Any) -> Any:
        self.asked.append(path)
        if path != "/api/projects/":
            return {"id": 1, "label_config": "<View/>"}
        rows = [{"id": number, "title": title} for number, title in TITLES.items()]
        page = params["page"]
        more = f"http://169.254.169.254/?page={page + 1}" if page * 2 < len(rows) else None
        return {"count": len(rows), "next": more, "results": rows[page * 2 - 2 : page * 2]}


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("21", 21),
        (" 21 ", 21),
        ("http://tool.test:8080/projects/21/data?tab=3", 21),
        ("https://tool.test/ls/projects/21", 21),
        ("Mails", 1),
        ("mails", 1),
        ("Tickets", 2),
        ("tickets", 7),
        ("Tweets", 12),
    ],
)
def test_a_project_is_meant_by_number_address_or_title(given: str, number: int) -> None:
    client = Client()
    assert Project(client, given).id == number  # type: ignore[arg-type]
    assert set(client.asked) <= {"/api/projects/"}, "no address that an answer names is called"


def test_what_is_not_there_or_not_clear_is_said() -> None:
    with pytest.raises(ToolError, match=r"no project 'Letters'.*1 \(Mails\), 2 \(Tickets\)"):
        _ = Project(Client(), "Letters").id  # type: ignore[arg-type]
    with pytest.raises(ToolError, match=r"Several .*: 2 \(Tickets\), 7 \(tickets\)"):
        _ = Project(Client(), "TICKETS").id  # type: ignore[arg-type]


def test_a_title_that_was_changed_since_is_still_that_project() -> None:
    assert Project(Client(), "Its old title", known=7).id == 7  # type: ignore[arg-type]


def test_of_a_project_that_was_deleted_it_is_said_what_to_do() -> None:
    """A poll asks for tasks first, and people read: answered GET /api/tasks with 404."""

    class Empty(Client):
        def get(self, path: str, params: Any = None, **_: Any) -> Any:
            error = ToolError(f"answered GET {path} with 404")
            error.http_status = 404
            raise error

    project = Project(cast(Any, Empty()), "7")
    with pytest.raises(ToolError, match=r"no project 7 .* where it was deleted, disconnect it") as told:
        project.tasks()
    assert told.value.http_status == 404
    with pytest.raises(ToolError, match=r"no project 7 .* where it was deleted, disconnect it"):
        project.get()
    with pytest.raises(ToolError, match="with 404"):
        project.tasks(page=2)
