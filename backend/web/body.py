"""What a request's JSON may look like. Holds for the connectors' routes too: they read it through Flask as usual."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn, TypeVar

import numpy as np
from flask import request
from flask.json.provider import DefaultJSONProvider
from pydantic import BaseModel

from labelwheel.backend.errors import InvalidRequest
from labelwheel.backend.validation import fitting

_Model = TypeVar("_Model", bound=BaseModel)

MAX_DEPTH = 100
MAX_PARTS = 2_000_000
"""Lists, objects and what stands in them: beyond it, a body's size says little about the memory it takes."""

MAX_KEY = 2**31 - 1
"""What a database takes as a key."""

NAME, ADDRESS, SECRET = 255, 2000, 4000
"""How many characters a text may have that the database is to keep."""

NO_NUL = r"^[^\x00]*$"

_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # possessive: linear, whatever stands there
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_CLOSES = 0b100
"""The bit that tells ] and } from [ and {."""


class StrictJSON(DefaultJSONProvider):
    """JSON as the standard says, of bounded depth: no NaN, no number beyond all numbers, no half surrogates."""

    sort_keys = False
    compact = True

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Raises ValueError, which Flask answers as 400."""
        raw = s if isinstance(s, bytes) else s.encode("utf-8", "surrogatepass")
        _measure(raw)
        try:
            # given bytes, json guesses the encoding, and lets halves of surrogate pairs pass that are not escaped
            text = s if isinstance(s, str) else raw.decode("utf-8-sig")
            value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
            return _whole(value) if _ESCAPED_SURROGATE.search(raw) else value
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None


def json_object() -> dict[str, Any]:
    """The body of this request; raises InvalidRequest where it is no JSON object."""
    body = request.get_json(force=True)
    if not isinstance(body, dict):
        raise InvalidRequest(f"the body must be a JSON object, not {type(body).__name__}")
    return body


def taken(model: type[_Model], **context: Any) -> _Model:
    """The body of this request, as the model says; where all of that may be left out, so may the body.

    Raises InvalidRequest where it does not fit. `context` is for the model's validators.
    """
    optional = not any(field.is_required() for field in model.model_fields.values())
    return fitting(model, {} if optional and not request.content_length else json_object(), context)


def asked(model: type[_Model]) -> _Model:
    """The query of this request's address, as the model says; raises InvalidRequest where it does not fit."""
    return fitting(model, request.args.to_dict())


def _measure(raw: bytes) -> None:
    """Bounds what parsing costs before anything is parsed; a body of few brackets needs no closer look."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH and raw.count(b",") <= MAX_PARTS:
        return
    bare = _STRING.sub(b"", raw)
    if bare.count(b"[") + bare.count(b"{") + bare.count(b",") > MAX_PARTS:
        raise ValueError(f"the JSON has more than {MAX_PARTS} parts")
    brackets = np.frombuffer(bare.translate(None, _NO_BRACKET), np.uint8)
    depths = np.cumsum(np.where(brackets & _CLOSES, -1, 1), dtype=np.int64)
    if depths.max(initial=0) > MAX_DEPTH:
        raise ValueError(f"the JSON is nested more than {MAX_DEPTH} deep")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number:.40} is too large for a number")
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
