"""What the pages about one checkpoint of a question share: its JSON, and the choice of question and version."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from flask import Response, jsonify, request
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import QuestionRow
from labelwheel.backend.errors import NotFound
from labelwheel.backend.projects import projects
from labelwheel.backend.web.body import asked
from labelwheel.backend.web.pages.frame import Frame, Shown, chosen
from labelwheel.backend.web.request_bodies import VersionQuery
from labelwheel.backend.web.roles import Role, current
from labelwheel.plugins.descriptions import described
from labelwheel.plugins.route_marks import readable

Drawn = Callable[[Session, QuestionRow, dict[str, Any]], Shown]
"""What a page shows besides what its view has read."""


class CheckpointPage(NamedTuple):
    """`view` is a module with `read` and `body`; `about` says in the API's description what it tells."""

    name: str
    title: str
    about: str
    view: ModuleType
    drawn: Drawn

    def add(self, frame: Frame) -> None:
        """The page at `/projects/N/NAME?version=` and its JSON, of what is served where no version is asked for."""
        source, view = frame.source, self.view

        def read(session: Session, question: QuestionRow, version: str | None) -> dict[str, Any]:
            return dict(view.read(session, source.settings, question, version, current().role is Role.ADMIN))

        def as_json(number: int, name: str) -> Response:
            version = asked(VersionQuery).version
            with source.database.session() as session:
                return jsonify(read(session, projects.question(session, number, name), version))

        def page(number: int) -> Shown:
            with source.database.session() as session:
                _, rows, question = chosen(session, number)
                shown = {"questions": [{"name": row.name} for row in rows], "question": None, "number": number}
                if question is None:
                    return shown
                found = read(session, question, request.args.get("version"))
                return shown | {
                    "question": {"name": question.name}, "found": found, **self.drawn(session, question, found)
                }  # fmt: skip

        as_json.__name__, page.__name__ = f"{self.name}_json", self.name
        marked = described(self.about, query=VersionQuery, gives=view.body, refuses=(NotFound,))
        frame.api.get(f"/projects/<int:number>/questions/<path:name>/{self.name}")(readable(marked(as_json)))
        frame.page(f"/projects/<int:number>/{self.name}", self.title)(page)
