"""Answers that were flagged elsewhere, such as in a Space: into the labelling tool, as somebody's who answers there."""

from __future__ import annotations

from flask import Blueprint, Response

from labelwheel.backend.database import keyring
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import ProjectState
from labelwheel.backend.errors import Conflict, NotFound
from labelwheel.backend.projects import connectors, projects
from labelwheel.backend.settings import Settings
from labelwheel.backend.web.body import taken
from labelwheel.backend.web.flags_body import FlagsBody, RefusedFlag
from labelwheel.backend.web.request_bodies import FlagGiven, FlagsGiven
from labelwheel.plugins.capabilities import Adds, Given
from labelwheel.plugins.descriptions import described
from labelwheel.plugins.errors import ToolError, ToolRefused, ToolUnreachable
from labelwheel.plugins.route_marks import body_limit
from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.questions import Example, Question


def routes(settings: Settings, database: Database) -> Blueprint:
    """The blueprint; mounted at /api/v1."""
    blueprint = Blueprint("flags", __name__)

    @blueprint.post("/projects/<int:number>/questions/<path:name>/flags", endpoint="flags")
    @body_limit(None)
    @described(
        "Puts answers that somebody gave elsewhere into the labelling tool, each once, from where they come as labels",
        takes=FlagsGiven, gives=FlagsBody, refuses=(NotFound, Conflict, ToolUnreachable, ToolRefused),
    )  # fmt: skip
    def take(number: int, name: str) -> Response:
        given = taken(FlagsGiven).flags
        with database.session() as session:
            question = Question.model_validate(projects.question(session, number, name).spec)
            project = projects.get(session, number)
            if project.state != ProjectState.CONNECTED:
                raise Conflict(f"project {number} is not connected; run `labelwheel connect` first")
            connector, tool = connectors.connect(project, keyring.load(settings)), project.tool
        if not isinstance(connector, Adds):
            raise Conflict(f"nothing can be added to {tool} by its connector; label these texts there")
        fitting, body = list[Given](), FlagsBody(added=[], refused=[])
        for flag in given:
            try:
                fitting.append(_given(question, flag))
            except InvalidAnswer as error:
                body.refused.append(RefusedFlag(id=flag.id, reason=str(error)))
        if fitting:
            connector.config()
        for one in fitting:
            try:
                connector.add(one)
                body.added.append(one.name)
            except (ToolUnreachable, ToolRefused):
                raise  # of all of them; what was added is known there
            except ToolError as error:
                body.refused.append(RefusedFlag(id=one.name, reason=str(error)))
        return body.answer()

    return blueprint


def _given(question: Question, flag: FlagGiven) -> Given:
    """Raises InvalidAnswer where the question is not asked so, or not any more."""
    if len(flag.texts) != len(question.inputs):
        raise InvalidAnswer(f"{question.name!r} reads {len(question.inputs)} texts, not {len(flag.texts)}")
    fields = {name: text for name, text in zip(question.inputs, flag.texts, strict=True) if text}
    example = Example(key=flag.id, fields=fields)
    if not question.text(example).strip():
        raise InvalidAnswer("there is no text")
    return Given(name=flag.id, fields=fields, answers={question.name: question.check(flag.answer, example)})
