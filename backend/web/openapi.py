"""/api/v1/openapi.json: the HTTP API as OpenAPI 3.1, made from the routes' own marks and the models that check them.

No request is checked here, and none goes through it: the document is written when somebody first asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import Any

from flask import Blueprint, Flask, Response
from pydantic.json_schema import models_json_schema

from labelwheel.backend.web.errors import ErrorBody
from labelwheel.backend.web.operations import GIVEN, JSON, SCHEMA, SCHEMES, Model, Route, operation, refusals
from labelwheel.backend.web.response_bodies import OpenAPI
from labelwheel.plugins.descriptions import Description, described
from labelwheel.plugins.route_marks import readable

_TEXT = """\
The model that learns while people label. Every refusal is `{"error": {"type", "message"}}`: `type` is one of the names
that stand at its status, `message` says what to do.

Each operation says which roles it is open to; where they come from is told in docs/architecture.md. While there is no
LABELWHEEL_TOKEN this machine alone may ask, without credentials. Pages of other sites may change nothing (403).
"""


def routes(app: Flask, tools: Mapping[str, str]) -> Blueprint:
    """The blueprint; mounted at /api/v1. `tools` has the labelling tool by the name of its blueprint."""
    blueprint = Blueprint("openapi", __name__)
    written = cache(lambda: app.json.dumps(document(app, tools)))

    @blueprint.get("/openapi.json", endpoint="document")
    @readable
    @described("This description", gives=OpenAPI)
    def read() -> Response:
        return Response(written(), mimetype=JSON)

    return blueprint


def document(app: Flask, tools: Mapping[str, str]) -> dict[str, Any]:
    """The whole description, as JSON."""
    found, left_out = _routes(app, tools)
    models: dict[Model, None] = {(ErrorBody, GIVEN): None}
    models |= {model: None for route in found for model in route.models}
    schemas, definitions = models_json_schema(list(models), ref_template=SCHEMA)
    paths: dict[str, dict[str, Any]] = {}
    schemes: dict[str, Any] = dict(SCHEMES)
    names: set[str] = set()
    for route in found:
        schemes |= route.description.security
        for method in route.methods:
            name = route.rule.endpoint.replace(".", "_")
            while name in names:
                name += "_too"  # a second address, or method, of one view
            names.add(name)
            told = operation(app, route, schemas)
            paths.setdefault(route.path, {})[method.lower()] = {"operationId": name, **told}
    text = _TEXT
    if left_out:
        lines = "".join(f"- `{path}`\n" for path in left_out)
        text += f"\nNot described, for whoever brings these routes does not mark them:\n\n{lines}"
    return {
        "openapi": "3.1.0",
        "info": {"title": "Labelwheel", "version": metadata.version("labelwheel"), "description": text},
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "responses": refusals(schemas),
            "securitySchemes": schemes,
        },
    }


def _routes(app: Flask, tools: Mapping[str, str]) -> tuple[list[Route], list[str]]:
    """Those that are marked, and the addresses of the others; without the pages, which are no part of the API."""
    found, left_out = [], []
    for rule in sorted(app.url_map.iter_rules(), key=lambda each: each.rule):
        view = app.view_functions[rule.endpoint]
        if getattr(view, "page", False):
            continue
        description = getattr(view, "description", None)
        if isinstance(description, Description):
            found.append(Route(rule, view, description, tools.get(rule.endpoint.rpartition(".")[0])))
        else:
            left_out.append(rule.rule)
    return found, left_out
