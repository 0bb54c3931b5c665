"""/api/v1: what the commands, the worker and programs ask for."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from pydantic import ValidationError

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import AuditLine, CheckpointRow, Project, Round
from labelwheel.backend.errors import InvalidRequest, NotFound, TooLarge
from labelwheel.backend.projects import audit_log, champion_groups, projects, wiring_wishes
from labelwheel.backend.rounds import progress, round_commands
from labelwheel.backend.serving.batching import Priority
from labelwheel.backend.serving.connector_host import ServingHost
from labelwheel.backend.serving.models import ServedModels
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import status as ledger_status
from labelwheel.backend.web import audit, auth
from labelwheel.backend.web.body import ADDRESS, MAX_KEY, SECRET, asked_number, json_object, text
from labelwheel.backend.web.roles import current
from labelwheel.plugins.connector import body_limit, own_credentials, readable
from labelwheel.training.questions import Example
from labelwheel.training.spec import Recipe

BULK_SECONDS = 300.0


def routes(settings: Settings, database: Database, served_models: ServedModels, host: ServingHost) -> Blueprint:
    """The blueprint; mounted at /api/v1."""
    api = Blueprint("api", __name__)

    @api.get("/status")
    @readable
    def status() -> Response:
        with database.session() as session:
            return jsonify(ledger_status.status(session, settings))

    @api.post("/projects")
    def register() -> tuple[Response, int]:
        body = json_object()
        options = body.get("options") or {}
        if not isinstance(options, dict):
            raise InvalidRequest("'options' must be a JSON object")
        service_url = None if body.get("service_url") is None else text(body, "service_url", most=ADDRESS)
        with database.transaction() as tx:
            found = projects.register(
                tx,
                settings,
                text(body, "tool"),
                text(body, "url", most=ADDRESS),
                _name(body, "project"),
                text(body, "api_key", most=SECRET),
                service_url,
                options,
                None if body.get("share_with") is None else _name(body, "share_with"),
            )
            audit.mark(project_id=found.id)
            return jsonify(_project(found)), 202

    @api.get("/projects/<int:number>")
    @readable
    def project(number: int) -> Response:
        with database.session() as session:
            found = projects.get(session, number)
            return jsonify(_project(found, [row.name for row in projects.questions(session, number)]))

    @api.delete("/projects/<int:number>")
    def disconnect(number: int) -> tuple[Response, int]:
        with database.transaction() as tx:
            return jsonify(_project(projects.disconnect(tx, number))), 202

    @api.post("/projects/<int:number>/withdraw")
    def withdraw(number: int) -> Response:
        with database.transaction() as tx:
            return jsonify(withdrawn=projects.withdraw(tx, number))

    @api.post("/projects/<int:number>/questions/<path:name>/train")
    def train(number: int, name: str) -> tuple[Response, int]:
        with database.transaction() as tx:
            question = projects.question(tx, number, name)
            ordered = round_commands.order(tx, question.id, trigger="command", recipe=Recipe.AUTO)
            champion_groups.decide(tx, question, "ordered", f"{_who()} asked for it", {"recipe": Recipe.AUTO})
            return jsonify(_round(ordered)), 202

    @api.post("/projects/<int:number>/rotate")
    def rotate(number: int) -> tuple[Response, int]:
        with database.transaction() as tx:
            return jsonify(_project(wiring_wishes.ask(tx, number, "new secrets were asked for", _who()))), 202

    @api.post("/projects/<int:number>/questions/<path:name>/rollback")
    def rollback(number: int, name: str) -> Response:
        body = json_object() if request.content_length else {}
        version = text(body, "version") if body.get("version") is not None else None
        with database.transaction() as tx:
            target = round_commands.rollback(tx, projects.question(tx, number, name).id, version, _who())
            return jsonify(_checkpoint(target, target.id))

    @api.get("/projects/<int:number>/questions/<path:name>/checkpoints")
    @readable
    def checkpoints(number: int, name: str) -> Response:
        with database.session() as session:
            question = projects.question(session, number, name)
            rows = round_commands.checkpoints(session, question.id)
            return jsonify(checkpoints=[_checkpoint(row, question.champion_id) for row in rows])

    @api.get("/rounds/<int:number>")
    @readable
    def one_round(number: int) -> Response:
        with database.session() as session:
            found = session.get(Round, number)
            if found is None:
                raise NotFound(f"there is no round {number}")
            return jsonify(_round(found))

    @api.delete("/rounds/<int:number>")
    def cancel(number: int) -> Response:
        with database.transaction() as tx:
            cancelled = round_commands.cancel(tx, number, f"{_who()} cancelled it")
            audit.mark(project_id=cancelled.project_id)
            return jsonify(_round(cancelled))

    def of_the_job(number: int) -> None:
        with database.session() as session:
            progress.authorize(session, number, auth.bearer(request))

    @api.post("/rounds/<int:number>/progress", endpoint="progress")
    @own_credentials(of_the_job)
    def take_progress(number: int) -> Response:
        body = json_object()
        with database.transaction() as tx:
            progress.record(tx, number, auth.bearer(request), body)
        return jsonify(ok=True)

    @api.post("/projects/<int:number>/suggest")
    @body_limit(None)
    @audit.quiet
    def suggest(number: int) -> Response:
        examples = _examples(json_object(), settings.max_examples)
        served = served_models.served_by_id(number)
        suggestions = host.suggest_with(served, examples, Priority.BULK, BULK_SECONDS)
        return jsonify(
            version=served.generation,
            suggestions=[
                {
                    "key": each.example.key,
                    "predictions": {name: one.model_dump(mode="json") for name, one in each.predictions.items()},
                }
                for each in suggestions
            ],
        )

    @api.get("/audit")
    def audited() -> Response:
        count, of = asked_number("count", 1, 1000), asked_number("project", 1, MAX_KEY)
        with database.session() as session:
            lines = audit_log.latest(session, 100 if count is None else count, of)
            return jsonify(lines=[_line(line) for line in lines])

    return api


def _who() -> str:
    """Whom the decision log names."""
    return f"the {current().name} at {request.remote_addr}"


def _line(line: AuditLine) -> dict[str, Any]:
    shown = {name: getattr(line, name) for name in ("id", "role", "peer", "project_id", "action", "status")}
    return shown | {"at": line.made_at.isoformat()}


def _examples(body: dict[str, Any], limit: int) -> list[Example]:
    given = body.get("examples")
    if not isinstance(given, list):
        raise InvalidRequest("'examples' must be a list of {key, fields}")
    if len(given) > limit:
        raise TooLarge(f"{len(given)} examples in one request; ask for at most {limit} at a time")
    try:
        return [Example.model_validate(each) for each in given]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InvalidRequest(f"'examples' need a key and fields of text: {first['loc']}: {first['msg']}") from None


def _name(body: dict[str, Any], name: str) -> str:
    """Labelling tools call their projects by numbers and by texts."""
    value = body.get(name)
    return str(value) if type(value) is int and abs(value) < 2**63 else text(body, name)


def _project(row: Project, questions: list[str] | None = None) -> dict[str, Any]:
    shown = (
        "id", "tool", "url", "external_id", "title", "reference", "state", "step", "problem", "service_url", "rewiring",
    )  # fmt: skip
    return {name: getattr(row, name) for name in shown} | ({} if questions is None else {"questions": questions})


def _round(row: Round) -> dict[str, Any]:
    shown = ("id", "state", "trigger", "recipe", "version", "progress", "seconds_left", "metrics", "reason")
    return {name: getattr(row, name) for name in shown}


def _checkpoint(row: CheckpointRow, champion: int | None) -> dict[str, Any]:
    shown = ("version", "recipe", "label_count", "metric", "score", "low", "high", "broken")
    values = {name: getattr(row, name) for name in shown}
    return values | {"champion": row.id == champion, "created_at": row.created_at.isoformat()}
