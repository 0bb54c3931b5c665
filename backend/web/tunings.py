"""Searches for better settings: asked for, ended, and forgotten. What they have found, `pages.tuning` tells."""

from __future__ import annotations

from flask import Blueprint, Response, request

from labelwheel.backend.database.engine import Database
from labelwheel.backend.errors import Conflict, NotFound
from labelwheel.backend.projects import projects
from labelwheel.backend.tuning import tuning_commands
from labelwheel.backend.web import audit
from labelwheel.backend.web.body import taken
from labelwheel.backend.web.request_bodies import SearchWanted
from labelwheel.backend.web.roles import current
from labelwheel.backend.web.round_bodies import Forgotten, TuningBody
from labelwheel.plugins.descriptions import described


def routes(database: Database) -> Blueprint:
    """The blueprint; mounted at /api/v1."""
    blueprint = Blueprint("tunings", __name__)

    @blueprint.post("/projects/<int:number>/questions/<path:name>/tune", endpoint="tune")
    @described(
        "Searches for better settings; a round with them is ordered where they are worth it",
        takes=SearchWanted, gives=TuningBody, status=202, refuses=(NotFound, Conflict),
    )  # fmt: skip
    def tune(number: int, name: str) -> tuple[Response, int]:
        wanted = taken(SearchWanted)
        with database.transaction() as tx:
            question = projects.question(tx, number, name)
            found = tuning_commands.order(
                tx, question.id, wanted.budget, wanted.trials, _who(), wanted.hold, wanted.run
            )
            return TuningBody.of(found).answer(), 202

    @blueprint.delete("/tunings/<int:number>", endpoint="cancel_tuning")
    @described("Ends a search now; nothing changes", gives=TuningBody, refuses=(NotFound, Conflict))
    def cancel(number: int) -> Response:
        with database.transaction() as tx:
            found = tuning_commands.cancel(tx, number, f"{_who()} cancelled it")
            audit.mark(project_id=found.project_id)
            return TuningBody.of(found).answer()

    @blueprint.delete("/projects/<int:number>/questions/<path:name>/tuned", endpoint="forget_tuned")
    @described("Has later rounds learn by the defaults again", gives=Forgotten, refuses=(NotFound,))
    def forget(number: int, name: str) -> Response:
        with database.transaction() as tx:
            question = projects.question(tx, number, name)
            return Forgotten(forgotten=tuning_commands.forget(tx, question.id, _who())).answer()

    return blueprint


def _who() -> str:
    """Whom the decision log names."""
    return f"the {current().name} at {request.remote_addr}"
