"""/api/v1: what the commands, the worker and programs ask for."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Round
from labelwheel.backend.errors import Conflict, NotFound, Overloaded, Unauthorized
from labelwheel.backend.onboarding import renewed_key
from labelwheel.backend.projects import audit_log, champion_groups, pipeline_orders, projects, wiring_wishes
from labelwheel.backend.rounds import progress, round_commands, unheeded
from labelwheel.backend.serving.batching import Priority
from labelwheel.backend.serving.connector_host import ServingHost
from labelwheel.backend.serving.models import ServedModels
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import agreement, inspected
from labelwheel.backend.views import status as ledger_status
from labelwheel.backend.web import audit, auth
from labelwheel.backend.web.body import asked, json_object, taken
from labelwheel.backend.web.request_bodies import AuditQuery, Registration, Rollback, RoundWanted, SuggestionsWanted
from labelwheel.backend.web.response_bodies import (
    AuditLineBody,
    AuditLines,
    CheckpointBody,
    Checkpoints,
    Noted,
    ProjectBody,
    ProjectWithQuestions,
    SuggestionBody,
    Suggestions,
    Withdrawn,
)
from labelwheel.backend.web.roles import Role, current
from labelwheel.backend.web.round_bodies import RoundBody
from labelwheel.plugins.descriptions import described
from labelwheel.plugins.errors import InvalidAddress, ToolRefused, ToolUnreachable, UnknownProject
from labelwheel.plugins.route_marks import body_limit, own_credentials, readable
from labelwheel.training.spec import Recipe

BULK_SECONDS = 300.0
_ROUND = {"round": {"type": "http", "scheme": "bearer", "description": "the token that the round's job was given"}}


def routes(settings: Settings, database: Database, served_models: ServedModels, host: ServingHost) -> Blueprint:
    """The blueprint; mounted at /api/v1."""
    api = Blueprint("api", __name__)

    @api.get("/status")
    @readable
    @described("Everything: projects, questions, rounds, the worker and the web processes", gives=ledger_status.body)
    def status() -> Response:
        with database.session() as session:
            return jsonify(ledger_status.status(session, settings))

    @api.post("/projects")
    @described(
        "Notes a project for the worker to connect",
        takes=Registration, gives=ProjectBody, status=202,
        refuses=(InvalidAddress, NotFound, ToolRefused, ToolUnreachable),
    )  # fmt: skip
    def register() -> tuple[Response, int]:
        body = taken(Registration)
        place = body.tool, body.url, body.project, body.api_key
        renewed_key.check(database, settings, *place, body.options or {})
        with database.transaction() as tx:
            found = projects.register(tx, settings, *place, body.service_url, body.options or {}, body.share_with)
            audit.mark(project_id=found.id)
            return ProjectBody.of(found).answer(), 202

    @api.get("/projects/<int:number>")
    @readable
    @described("One project, and what it asks", gives=ProjectWithQuestions, refuses=(NotFound,))
    def project(number: int) -> Response:
        with database.session() as session:
            found = projects.get(session, number)
            asks = [row.name for row in projects.questions(session, number)]
            return ProjectWithQuestions.of(found, questions=asks).answer()

    @api.delete("/projects/<int:number>")
    @described(
        "Notes a project to be disconnected; its labels and checkpoints stay",
        gives=ProjectBody, status=202, refuses=(NotFound,),
    )  # fmt: skip
    def disconnect(number: int) -> tuple[Response, int]:
        with database.transaction() as tx:
            return ProjectBody.of(projects.disconnect(tx, number)).answer(), 202

    @api.post("/projects/<int:number>/withdraw")
    @described("Takes back a connect that never succeeded", gives=Withdrawn, refuses=(NotFound,))
    def withdraw(number: int) -> Response:
        with database.transaction() as tx:
            return Withdrawn(withdrawn=projects.withdraw(tx, number)).answer()

    @api.post("/projects/<int:number>/questions/<path:name>/train")
    @described("Orders a round now", takes=RoundWanted, gives=RoundBody, status=202, refuses=(NotFound, Conflict))
    def train(number: int, name: str) -> tuple[Response, int]:
        wanted = taken(RoundWanted)
        try:
            with database.transaction() as tx:
                question = projects.question(tx, number, name)
                known = pipeline_orders.latest(tx, Round, question, wanted.run)
                trigger = "command" if wanted.run is None else "pipeline"
                ordered = round_commands.order(tx, question.id, trigger, Recipe.AUTO, hold=wanted.hold, run=wanted.run)
                if known is None or known.id != ordered.id:
                    champion_groups.decide(tx, question, "ordered", f"{_who()} asked for it", {"recipe": Recipe.AUTO})
                return RoundBody.of(ordered).answer(), 202
        except Conflict as error:
            with database.transaction() as tx:
                unheeded.note(tx, projects.get(tx, number), f"{_who()} asked for one", {name: str(error)})
            raise

    @api.post("/projects/<int:number>/rotate")
    @described(
        "Asks for new secrets in the labelling tool", gives=ProjectBody, status=202, refuses=(NotFound, Conflict)
    )
    def rotate(number: int) -> tuple[Response, int]:
        with database.transaction() as tx:
            return ProjectBody.of(wiring_wishes.ask(tx, number, "new secrets were asked for", _who())).answer(), 202

    @api.post("/projects/<int:number>/questions/<path:name>/rollback")
    @described("Serves an earlier checkpoint again", takes=Rollback, gives=CheckpointBody, refuses=(NotFound, Conflict))
    def rollback(number: int, name: str) -> Response:
        version = taken(Rollback).version
        with database.transaction() as tx:
            target = round_commands.rollback(tx, projects.question(tx, number, name).id, version, _who())
            return CheckpointBody.of(target, champion=True).answer()

    @api.get("/projects/<int:number>/questions/<path:name>/checkpoints")
    @readable
    @described("What there is to go back to, the newest first", gives=Checkpoints, refuses=(NotFound,))
    def checkpoints(number: int, name: str) -> Response:
        with database.session() as session:
            question = projects.question(session, number, name)
            rows = round_commands.checkpoints(session, question.id)
            shown = [CheckpointBody.of(row, champion=row.id == question.champion_id) for row in rows]
            return Checkpoints(checkpoints=shown).answer()

    @api.get("/projects/<int:number>/questions/<path:name>/agreement")
    @readable
    @described("How far people agree, who have names for the admin alone", gives=agreement.body, refuses=(NotFound,))
    def agreed(number: int, name: str) -> Response:
        with database.session() as session:
            question = projects.question(session, number, name)
            voices = inspected.voices(session, question)
            return jsonify(agreement.read(session, question, current().role is Role.ADMIN, voices))

    @api.get("/rounds/<int:number>")
    @readable
    @described("One round", gives=RoundBody, refuses=(NotFound,))
    def one_round(number: int) -> Response:
        with database.session() as session:
            found = session.get(Round, number)
            if found is None:
                raise NotFound(f"there is no round {number}")
            return RoundBody.of(found).answer()

    @api.delete("/rounds/<int:number>")
    @described("Ends a round now", gives=RoundBody, refuses=(NotFound, Conflict))
    def cancel(number: int) -> Response:
        with database.transaction() as tx:
            cancelled = round_commands.cancel(tx, number, f"{_who()} cancelled it")
            audit.mark(project_id=cancelled.project_id)
            return RoundBody.of(cancelled).answer()

    def of_the_job(number: int) -> None:
        with database.session() as session:
            progress.authorize(session, number, auth.bearer(request))

    @api.post("/rounds/<int:number>/progress", endpoint="progress")
    @own_credentials(of_the_job)
    @described(
        "Takes in how far a round's job is",
        takes=progress.TrainerReport, gives=Noted, refuses=(NotFound, Unauthorized), security=_ROUND,
    )  # fmt: skip
    def take_progress(number: int) -> Response:
        body = json_object()
        with database.transaction() as tx:
            progress.record(tx, number, auth.bearer(request), body)
        return Noted(ok=True).answer()

    @api.post("/projects/<int:number>/suggest")
    @body_limit(None)
    @audit.quiet
    @described(
        "Gives suggestions for examples that need not be in any labelling tool",
        takes=SuggestionsWanted, gives=Suggestions, refuses=(UnknownProject, Overloaded),
    )  # fmt: skip
    def suggest(number: int) -> Response:
        body = taken(SuggestionsWanted, most=settings.max_examples)
        served = served_models.served_by_id(number)
        revised = body.version != served.generation
        found = host.suggest_with(served, body.examples, Priority.BULK, BULK_SECONDS, revised)
        shown = [SuggestionBody(key=each.example.key, predictions=dict(each.predictions)) for each in found]
        version = served.version if revised else served.generation
        return Suggestions(version=version, suggestions=shown).answer()

    @api.get("/audit")
    @described("Who did what, or tried to, the newest first", query=AuditQuery, gives=AuditLines)
    def audited() -> Response:
        query = asked(AuditQuery)
        with database.session() as session:
            lines = audit_log.latest(session, query.count, query.project)
            return AuditLines(lines=[AuditLineBody.of(line, at=line.made_at) for line in lines]).answer()

    return api


def _who() -> str:
    """Whom the decision log names."""
    return f"the {current().name} at {request.remote_addr}"
