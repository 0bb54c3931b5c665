"""The first page: each project as a card."""

from __future__ import annotations

from flask import Response, jsonify

from labelwheel.backend.projects import connectors
from labelwheel.backend.views import overview as view
from labelwheel.backend.web.pages.frame import Frame, Shown
from labelwheel.plugins.descriptions import described
from labelwheel.plugins.route_marks import readable


def add(frame: Frame) -> None:
    """The page and its JSON."""
    source = frame.source

    @frame.api.get("/overview")
    @readable
    @described("Each project at a glance", gives=view.body)
    def overview_json() -> Response:
        with source.database.session() as session:
            return jsonify(view.overview(session, source.settings))

    @frame.page("/overview", "Overview")
    def overview() -> Shown:
        with source.database.session() as session:
            found = view.overview(session, source.settings)
        return {"problems": found["problems"], "projects_shown": found["projects"], "tools": connectors.names()}
