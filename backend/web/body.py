"""What a request's JSON may look like. Holds for the connectors' routes too: they read it through Flask as usual."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from flask import request
from flask.json.provider import DefaultJSONProvider

from backend.errors import InvalidRequest

_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class StrictJSON(DefaultJSONProvider):
    """JSON as the standard says: no NaN, no half surrogates, no nesting that would exhaust the stack."""

    sort_keys = False
    compact = True

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Raises ValueError, which Flask answers as 400."""
        raw = s if isinstance(s, bytes) else s.encode("utf-8", "surrogatepass")
        try:
            value = json.loads(raw, parse_constant=_refuse)
            return _whole(value) if _ESCAPED_SURROGATE.search(raw) else value
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None


def json_object() -> dict[str, Any]:
    """The body of this request; raises InvalidRequest where it is no JSON object."""
    body = request.get_json(force=True)
    if not isinstance(body, dict):
        raise InvalidRequest(f"the body must be a JSON object, not {type(body).__name__}")
    return body


def text(body: dict[str, Any], name: str, default: str | None = None) -> str:
    """A text of the body; raises InvalidRequest where it is missing or something else."""
    value = body.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise InvalidRequest(f"{name!r} must be a text" + ("" if name in body else ", and is missing"))
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _whole(value: Any) -> Any:
    """No database, tokenizer or encoder takes half a surrogate pair; a replacement keeps every offset in place."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {_whole(name): _whole(each) for name, each in value.items()}
    return value
