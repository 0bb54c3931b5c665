"""What Label Studio calls: the protocol of label-studio-ml, at the root of the service.

Label Studio drops a whole batch where there is not one well-formed result for each task, so there always is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from flask import Blueprint, Response, jsonify, request

from labelwheel.plugins.connector import Host, Suggestion
from labelwheel.plugins.descriptions import Foreign, described
from labelwheel.plugins.errors import InvalidConfig, InvalidPayload, UnknownProject
from labelwheel.plugins.label_studio import drafts, first_looks, reasons
from labelwheel.plugins.label_studio.layout import Layout, read
from labelwheel.plugins.label_studio.project import reference
from labelwheel.plugins.label_studio.regions import encode, score_of
from labelwheel.plugins.route_marks import body_limit, readable, takes_webhooks
from labelwheel.training.questions import Answer, Example, Question

TOOL = "label-studio"
MAX_TASKS = 10_000
_MAX_CONFIG_BYTES = 4 * 2**20
_MAX_EVENT_BYTES = 8 * 2**20
"""An event carries the project's configuration, the task and the annotation."""


_REFUSES = (InvalidPayload, UnknownProject)


class TooManyTasks(InvalidPayload):
    """One request asks about more tasks than are answered at once. Select fewer tasks."""

    status = 413


def blueprint(host: Host) -> Blueprint:
    """The routes, on top of what the web process offers."""
    routes = Blueprint("label_studio", __name__)
    known: dict[str, tuple[Layout, Sequence[Question], bool]] = {}
    memory = drafts.Memory()

    def outdated(project: str, layout: Layout) -> bool:
        """Whether the config asks what is not learnt; both sides are the same objects from request to request."""
        learnt, last = host.questions(TOOL, project), known.get(project)
        if last is None or last[0] is not layout or last[1] is not learnt:
            last = known[project] = layout, learnt, any(question not in learnt for question in layout.questions)
        return last[2]

    @routes.get("/")
    @routes.get("/health")
    @readable
    @described("That the service is up", gives=Foreign)
    def health() -> Response:
        return jsonify({"status": "UP", "model_class": "labelwheel"})

    @routes.post("/setup")
    @body_limit(_MAX_CONFIG_BYTES)
    @described("Label Studio asks which version is served", takes=Foreign, gives=Foreign, refuses=_REFUSES)
    def setup() -> Response:
        project = _project(_body())
        return jsonify({"model_version": host.version(TOOL, project)})

    @routes.post("/predict")
    @body_limit(None)
    @described("Suggestions for tasks", takes=Foreign, gives=Foreign, refuses=(*_REFUSES, TooManyTasks))
    def predict() -> Response:
        body = _body()
        project, tasks = _project(body), _tasks(body)
        layout = _layout(body)
        examples = [layout.example(str(task.get("id", "")), task.get("data")) for task in tasks]
        if outdated(project, layout):
            host.hint(TOOL, project)
        draft = drafts.read(body.get("params"), tasks[0], layout) if len(tasks) == 1 else None
        if draft is not None:
            return jsonify({"results": [_added(host, project, layout, examples[0], tasks[0], draft, memory)]})
        told = [first_looks.is_half_answered(task) for task in tasks]
        past = set(host.versions(TOOL, project)) if any(told) else set()
        left = [example for example, half in zip(examples, told, strict=True) if not half]
        suggestions = iter(host.suggest(TOOL, project, left))
        results = [
            first_looks.shown(task, past) if half else _result(layout, task.get("data"), example, next(suggestions))
            for task, example, half in zip(tasks, examples, told, strict=True)
        ]
        return jsonify({"results": results})

    @routes.post("/train")
    @body_limit(None)
    @described("Somebody pressed the button for training", takes=Foreign, gives=Foreign, refuses=_REFUSES)
    def train() -> Response:
        return jsonify({"status": "noted", "questions": host.train(TOOL, _project(_body()))})

    @routes.post("/webhook")
    @body_limit(_MAX_EVENT_BYTES)
    @takes_webhooks
    @described("Something happened in a project", takes=Foreign, gives=Foreign, refuses=_REFUSES)
    def webhook() -> Response:
        body = _body()
        found = body.get("project")
        if not isinstance(found, Mapping) or not isinstance(found.get("id"), int):
            raise InvalidPayload('A webhook names its project: {"action": …, "project": {"id": …}}')
        project = reference(found)
        host.version(TOOL, project)
        if body.get("action") == "START_TRAINING":
            # sent with the backend's password; in a webhook's name it is refused
            return jsonify({"status": "noted", "questions": host.train(TOOL, project)})
        host.hint(TOOL, project, tasks_of(body))
        return jsonify({"status": "noted"})

    @routes.get("/versions")
    @described("The generations that were served, of `?project=` alone where it is given", gives=Foreign)
    def versions() -> Response:
        return jsonify({"versions": host.versions(TOOL, request.args.get("project"))})

    return routes


def tasks_of(event: Mapping[str, Any]) -> list[str]:
    """Keys of the tasks that an event is about; none where it does not say, as where annotations were deleted."""
    told = event.get("tasks") or event.get("task")
    rows = told if isinstance(told, list) else [told]
    ids = [row.get("id") if isinstance(row, Mapping) else None for row in rows]
    return [str(one) for one in ids] if all(type(one) is int and 0 < one < 2**63 for one in ids) else []


def _body() -> Mapping[str, Any]:
    try:
        body = request.get_json(force=True, silent=True)
    except RecursionError:
        body = None
    if not isinstance(body, dict):
        raise InvalidPayload(f"{request.path} takes a JSON object")
    return body


def _project(body: Mapping[str, Any]) -> str:
    project = body.get("project")
    if not isinstance(project, str) or not 0 < len(project) <= 100 or "\0" in project:
        raise InvalidPayload('"project" has to be a string such as "5.1795289147"')
    return project


def _tasks(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    tasks = body.get("tasks")
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise InvalidPayload('"tasks" has to be a list of objects')
    if len(tasks) > MAX_TASKS:
        raise TooManyTasks(f"{len(tasks)} tasks in one request; {MAX_TASKS} are answered at once: select fewer")
    return tasks


def _layout(body: Mapping[str, Any]) -> Layout:
    """The config as it is in Label Studio at this moment, which may be newer than the questions that are learnt."""
    source = body.get("label_config")
    if not isinstance(source, str):
        raise InvalidPayload('"label_config" has to be a string of XML')
    try:
        return read(source)
    except InvalidConfig as error:
        raise InvalidPayload(str(error)) from error


def _result(
    layout: Layout, data: object, example: Example, suggestion: Suggestion
) -> dict[str, Any] | list[dict[str, Any]]:
    """One prediction, or of a blind task a list without any: Label Studio takes either, and keeps nothing then."""
    if suggestion.blind:
        return []
    regions = encode(layout, example, data, suggestion.predictions, suggestion.version)
    regions = reasons.beside(regions, layout, example, data, suggestion)
    score = score_of(suggestion.predictions) if example.fields else 0.0
    return {"result": regions, "score": score, "model_version": suggestion.version}


def _added(
    host: Host,
    project: str,
    layout: Layout,
    example: Example,
    task: Mapping[str, Any],
    draft: drafts.Draft,
    memory: drafts.Memory,
) -> dict[str, Any]:
    """The answer of the interactive mode: what belongs into a draft beside what it has, where anything may be seen."""
    if first_looks.is_half_answered(task) or host.blind(TOOL, project, example):
        return {"result": [], "score": 0.0, "model_version": host.version(TOOL, project)}

    def implied(asked: Example, given: Mapping[str, Answer]) -> Suggestion:
        return host.implied(TOOL, project, asked, given)

    regions, score = drafts.added(layout, example, task, draft, partial(memory.new, project), implied)
    return {"result": regions, "score": score, "model_version": host.version(TOOL, project)}
