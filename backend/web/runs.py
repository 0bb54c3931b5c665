"""Rounds in the hands of a pipeline, or of whoever wants the last word: held ones promoted, what a run has ordered."""

from __future__ import annotations

from flask import Blueprint, Response, request

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Round, TuningRow
from labelwheel.backend.errors import Conflict, NotFound
from labelwheel.backend.projects import pipeline_orders, projects
from labelwheel.backend.rounds import round_commands
from labelwheel.backend.tuning import tuning_commands
from labelwheel.backend.web import audit
from labelwheel.backend.web.roles import current
from labelwheel.backend.web.round_bodies import RoundBody, RunBody, TuningBody
from labelwheel.plugins.descriptions import described
from labelwheel.plugins.route_marks import readable


def routes(database: Database) -> Blueprint:
    """The blueprint; mounted at /api/v1."""
    blueprint = Blueprint("runs", __name__)

    @blueprint.post("/rounds/<int:number>/promote", endpoint="promote")
    @described(
        "Has a round promoted that passed the gate and is held; the worker does it within seconds",
        gives=RoundBody, status=202, refuses=(NotFound, Conflict),
    )  # fmt: skip
    def promote(number: int) -> tuple[Response, int]:
        with database.transaction() as tx:
            found = round_commands.promote(tx, number)
            audit.mark(project_id=found.project_id)
            return RoundBody.of(found).answer(), 202

    @blueprint.get("/projects/<int:number>/questions/<path:name>/runs/<run>", endpoint="run")
    @readable
    @described("What a run of a pipeline has ordered", gives=RunBody, refuses=(NotFound,))
    def shown(number: int, name: str, run: str) -> Response:
        with database.session() as session:
            question = projects.question(session, number, name)
            found = pipeline_orders.latest(session, Round, question, run)
            return _told(found, pipeline_orders.latest(session, TuningRow, question, run)).answer()

    @blueprint.delete("/projects/<int:number>/questions/<path:name>/runs/<run>", endpoint="close_run")
    @described("Ends what a run of a pipeline has ordered and left under way", gives=RunBody, refuses=(NotFound,))
    def close(number: int, name: str, run: str) -> Response:
        why = f"the run of a pipeline that ordered it is over ({current().name} at {request.remote_addr})"
        with database.transaction() as tx:
            question = projects.question(tx, number, name)
            tuning = tuning_commands.close_run(tx, question.id, run, why)
            return _told(round_commands.close_run(tx, question.id, run, why), tuning).answer()

    return blueprint


def _told(found: Round | None, tuning: TuningRow | None) -> RunBody:
    return RunBody(
        round=None if found is None else RoundBody.of(found), tuning=None if tuning is None else TuningBody.of(tuning)
    )
