"""Labels that are probably wrong: what inspections found, for whoever may see texts and names."""

from __future__ import annotations

from flask import Blueprint, Response

from labelwheel.backend.database.engine import Database
from labelwheel.backend.errors import NotFound
from labelwheel.backend.projects import projects
from labelwheel.backend.views import label_errors
from labelwheel.backend.web import audit
from labelwheel.backend.web.response_bodies import LabelErrors
from labelwheel.plugins.descriptions import described


def routes(database: Database) -> Blueprint:
    """The blueprint; mounted at /api/v1."""
    blueprint = Blueprint("label_errors", __name__)

    # not `readable`: it tells texts, and who answered what
    @blueprint.get("/projects/<int:number>/questions/<path:name>/label-errors", endpoint="label_errors")
    @audit.taken
    @described(
        "Labels that are probably wrong and that nobody has changed since, the most doubtful first",
        gives=LabelErrors, refuses=(NotFound,),
    )  # fmt: skip
    def show(number: int, name: str) -> Response:
        with database.session() as session:
            return LabelErrors(**label_errors.read(session, projects.question(session, number, name))).answer()

    return blueprint
