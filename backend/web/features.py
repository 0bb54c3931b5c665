"""What the champion's encoder says of examples: asked for by the fast lane, which fits newer heads to it."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response

from labelwheel.backend.errors import NotFound, Overloaded
from labelwheel.backend.revisions.features import Champion, pack_features
from labelwheel.backend.serving.models import ServedModels
from labelwheel.backend.serving.predictor import Predictor, ServedQuestion
from labelwheel.backend.settings import Settings
from labelwheel.backend.web import audit
from labelwheel.backend.web.body import taken
from labelwheel.backend.web.request_bodies import ExamplesGiven
from labelwheel.plugins.descriptions import described
from labelwheel.plugins.errors import UnknownProject
from labelwheel.plugins.route_marks import body_limit
from labelwheel.training.questions import Example

SECONDS = 60.0


def packed(predictor: Predictor, member: ServedQuestion | None, name: str, examples: Sequence[Example]) -> bytes:
    """The body for question `name`; raises NotFound where no head could stand on its champion, and Overloaded."""
    if member is None or member.model.width is None or member.model.encoder.layered is None:
        raise NotFound(f"question {name!r} has no champion that another head could stand on")
    read, manifest = predictor.features(member, examples, SECONDS), member.model.manifest
    champion = Champion(
        manifest.version, manifest.recipe, member.model.labels, manifest.calibration, member.model.width
    )
    return pack_features(champion, read.encodings, read.features, read.logits, read.answers)


def routes(settings: Settings, served_models: ServedModels, predictor: Predictor) -> Blueprint:
    """The blueprint; mounted at /api/v1."""
    blueprint = Blueprint("features", __name__)

    @blueprint.post("/projects/<int:number>/questions/<path:name>/features", endpoint="features")
    @body_limit(None)
    @audit.quiet
    @described(
        "What the champion's encoder says of examples, as safetensors: for heads that are to stand on it",
        takes=ExamplesGiven, gives="application/octet-stream", refuses=(UnknownProject, NotFound, Overloaded),
    )  # fmt: skip
    def give(number: int, name: str) -> Response:
        examples = taken(ExamplesGiven, most=settings.max_examples).examples
        served = served_models.awake(served_models.served_by_id(number))
        body = packed(predictor, served.champions.get(name), name, examples)
        return Response(body, mimetype="application/octet-stream")

    return blueprint
