"""Labels that are probably wrong: what inspections found, for whoever may see texts and names."""

from __future__ import annotations

from flask import Blueprint, Response

from labelwheel.backend.database.engine import Database
from labelwheel.backend.errors import Conflict, NotFound
from labelwheel.backend.projects import projects, sent_back
from labelwheel.backend.views import label_errors
from labelwheel.backend.web import audit
from labelwheel.backend.web.body import taken
from labelwheel.backend.web.request_bodies import SendBack
from labelwheel.backend.web.response_bodies import LabelErrors, SentBackBody
from labelwheel.backend.web.roles import current
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

    @blueprint.post("/projects/<int:number>/label-errors/send-back", endpoint="send_back")
    @described(
        "Has the labelling tool show the label errors of some questions, or of none, until the project is disconnected",
        takes=SendBack, gives=SentBackBody, status=202, refuses=(NotFound, Conflict),
    )  # fmt: skip
    def send_back(number: int) -> tuple[Response, int]:
        asked = taken(SendBack).questions
        with database.transaction() as tx:
            project = sent_back.ask(tx, number, asked, current().name)
            return SentBackBody(questions=sent_back.questions(project)).answer(), 202

    return blueprint
