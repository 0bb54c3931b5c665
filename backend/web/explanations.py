"""Why the model says what it says of one example."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response

from labelwheel.backend.errors import Conflict, NotFound, Overloaded, TooLarge
from labelwheel.backend.serving.explaining import Explained, Explainer
from labelwheel.backend.serving.models import ServedModels
from labelwheel.backend.web import audit
from labelwheel.backend.web.body import taken
from labelwheel.backend.web.request_bodies import ExplanationWanted
from labelwheel.backend.web.response_bodies import CarriedBody, ExplanationBody, InfluenceBody, NeighbourBody, WordBody
from labelwheel.plugins.descriptions import described
from labelwheel.plugins.errors import UnknownProject
from labelwheel.training.questions import Example, Question


def routes(served_models: ServedModels, explainer: Explainer, known: Callable[[int, str], Example]) -> Blueprint:
    """The blueprint; mounted at /api/v1. `known` has the project's example of a key, or raises."""
    blueprint = Blueprint("explanations", __name__)

    @blueprint.post("/projects/<int:number>/questions/<path:name>/explain", endpoint="explain")
    @audit.quiet
    @described(
        "Which words carried the answer to an example, and what is labelled near it",
        takes=ExplanationWanted, gives=ExplanationBody,
        refuses=(UnknownProject, NotFound, Conflict, TooLarge, Overloaded),
    )  # fmt: skip
    def give(number: int, name: str) -> Response:
        wanted = taken(ExplanationWanted)
        served = served_models.awake(served_models.served_by_id(number))
        member = served.members.get(name)
        if member is None:
            raise NotFound(f"question {name!r:.100} of project {number} has no champion")
        if wanted.key is not None:
            example = known(number, wanted.key)
        else:
            text = {member.question.inputs[0]: wanted.text or ""}
            example = Example(key="", fields=text if wanted.fields is None else wanted.fields)
        found = explainer.explain(number, member, served.version, example, wanted.idle)
        return body(member.question, example, found).answer()

    return blueprint


def body(question: Question, example: Example, found: Explained) -> ExplanationBody:
    """An explanation as the API tells it."""
    said = found.explanation
    return ExplanationBody(
        version=found.version,
        question=question,
        fields={name: example.fields.get(name, "") for name in question.inputs},
        prediction=said.prediction,
        words=[WordBody(**word._asdict()) for word in said.words],
        carried=[
            CarriedBody(
                item=one.item,
                weights=[float(weight) for weight in one.weights],
                marked=list(one.marked),
                rest=max(one.rest, 0.0),
            )
            for one in said.carried
        ],
        nearest=[
            NeighbourBody(
                key=one.row.example.key,
                fields={name: one.row.example.fields.get(name, "") for name in question.inputs},
                label=one.row.answer,
                likeness=one.likeness,
            )
            for one in found.neighbours.nearest
        ],
        compared=found.neighbours.among,
        moved=[
            InfluenceBody(
                item=one.item,
                key=one.row.example.key,
                fields={name: one.row.example.fields.get(name, "") for name in question.inputs},
                label=one.row.answer,
                share=one.share,
            )
            for one in found.influences.labels
        ],
        unmoved=found.influences.unsaid,
    )
