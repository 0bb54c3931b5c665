"""One route as an operation of OpenAPI: its parameters, its body, its answers, and who may use it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from flask import Flask
from pydantic import BaseModel
from werkzeug.routing import Rule

from labelwheel.backend.errors import Forbidden, InvalidRequest, TooLarge, TooSlow, Unauthorized
from labelwheel.backend.web.body import MAX_KEY
from labelwheel.backend.web.errors import ErrorBody
from labelwheel.backend.web.limits import SMALL_BODY
from labelwheel.backend.web.roles import opened_to
from labelwheel.plugins.descriptions import Description

Mode = Literal["validation", "serialization"]
Model = tuple[type[BaseModel], Mode]
Schemas = Mapping[tuple[Any, Any], dict[str, Any]]

JSON = "application/json"
SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "LABELWHEEL_TOKEN, LABELWHEEL_READ_TOKEN, or the secret of a project in its labelling tool",
    },
    "basic": {"type": "http", "scheme": "basic", "description": "the same as the password, with any user"},
}
TAKEN: Mode = "validation"
GIVEN: Mode = "serialization"
SCHEMA = "#/components/schemas/{model}"

_PART = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>")
_CONVERTERS: Mapping[str, dict[str, Any]] = {
    "int": {"type": "integer", "minimum": 0, "maximum": MAX_KEY},
    "path": {"type": "string", "minLength": 1, "pattern": r"^[^/\x00]([^\x00]*[^/\x00])?$"},
    "uuid": {"type": "string", "format": "uuid"},
}
_ANYWHERE = (InvalidRequest, Unauthorized, Forbidden, TooSlow, TooLarge)
_OTHERWISE = {
    400: "BadRequest: The body is no JSON.",
    500: "InternalError: The service's log says more, under the number in the message.",
    503: "DatabaseBusy: The database does not answer. Try again in a few seconds.",
}
_NO_SUCH_ADDRESS = "NotFound: There is nothing at this address."


class Route(NamedTuple):
    """A rule of the application with what is known of it; `tool` is the labelling tool whose route it is."""

    rule: Rule
    view: Callable[..., Any]
    description: Description
    tool: str | None

    @property
    def path(self) -> str:
        """Such as `/rounds/{number}`."""
        return _PART.sub(r"{\2}", self.rule.rule)

    @property
    def methods(self) -> list[str]:
        """Those that the route itself answers."""
        return sorted((self.rule.methods or set()) - {"HEAD", "OPTIONS"})

    @property
    def models(self) -> Iterator[Model]:
        """What has to be among the schemas."""
        told = self.description
        wanted = ((told.takes, TAKEN), (told.query, TAKEN), (told.answer, GIVEN))
        yield from ((model, mode) for model, mode in wanted if model is not None)


def operation(app: Flask, route: Route, schemas: Schemas) -> dict[str, Any]:
    """Everything but its name."""
    told = route.description
    roles = opened_to(route.view, route.tool is not None)
    others = "Open to whoever has the credentials named here." if told.security else "Open to everybody."
    found: dict[str, Any] = {
        "tags": [route.tool or "labelwheel"],
        "summary": told.summary,
        "description": f"Open to: {', '.join(roles)}." if roles else others,
        "security": [{name: roles} for name in (SCHEMES if roles else told.security)],
        "parameters": [*_path_parameters(route), *_query(told)],
    }
    if told.takes is not None:
        limit = getattr(route.view, "body_limit", SMALL_BODY)
        found["requestBody"] = {
            "description": f"At most {limit or app.config['MAX_CONTENT_LENGTH']} bytes.",
            "required": any(field.is_required() for field in told.takes.model_fields.values()),
            "content": {JSON: {"schema": schemas[told.takes, TAKEN]}},
        }
    return found | {"responses": _answers(told, schemas) | _refusals(route, schemas)}


def refusals(schemas: Schemas) -> dict[str, Any]:
    """Those that every route has, by their status."""
    return {str(status): _refusal(status, lines, schemas) for status, lines in _common().items()}


def _path_parameters(route: Route) -> Iterator[dict[str, Any]]:
    for converter, name in _PART.findall(route.rule.rule):
        schema = _CONVERTERS.get(converter, {"type": "string"})
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query(told: Description) -> Iterator[dict[str, Any]]:
    if told.query is None:
        return
    for name, one in told.query.model_json_schema(ref_template=SCHEMA)["properties"].items():
        schema = {key: value for key, value in one.items() if key not in ("title", "description", "default")}
        if one.get("default") is not None:
            schema["default"] = one["default"]
        yield {"name": name, "in": "query", "description": one.get("description", ""), "schema": schema}


def _answers(told: Description, schemas: Schemas) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": told.summary}
    if isinstance(told.gives, str):
        answer["content"] = {told.gives: {}}
    elif told.answer is not None:
        answer["content"] = {JSON: {"schema": schemas[told.answer, GIVEN]}}
    others = {str(status): {"description": text} for status, text in told.others.items()}
    return {str(told.status): answer} | others


def _refusals(route: Route, schemas: Schemas) -> dict[str, Any]:
    common, found = _common(), _common()
    if _PART.search(route.rule.rule):
        found[404] = [_NO_SUCH_ADDRESS]
    for error in route.description.refuses:
        lines = found.setdefault(error.status, [])
        if _line(error) not in lines:
            lines.append(_line(error))
    return {
        str(status): {"$ref": f"#/components/responses/{status}"}
        if lines == common.get(status)
        else _refusal(status, lines, schemas)
        for status, lines in sorted(found.items())
    }


def _common() -> dict[int, list[str]]:
    found = {status: [line] for status, line in _OTHERWISE.items()}
    for error in _ANYWHERE:
        found.setdefault(error.status, []).append(_line(error))
    return found


def _line(error: type[Exception]) -> str:
    return f"{error.__name__}: {' '.join((error.__doc__ or '').split())}"


def _refusal(status: int, lines: list[str], schemas: Schemas) -> dict[str, Any]:
    found = {
        "description": "\n\n".join(lines),
        "content": {JSON: {"schema": schemas[ErrorBody, GIVEN]}},
    }
    header = {401: ("WWW-Authenticate", "string"), 503: ("Retry-After", "integer")}.get(status)
    return found if header is None else found | {"headers": {header[0]: {"schema": {"type": header[1]}}}}
