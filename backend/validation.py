"""What pydantic found wrong, in words for people: its own name Python's types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from labelwheel.backend.errors import InvalidRequest

_Model = TypeVar("_Model", bound=BaseModel)

_WORDS = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "path_type": "must be a path",
    "missing": "is missing",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "json_invalid": "is no JSON",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_pattern_mismatch": "holds a character that may not be there, such as NUL; leave it out",
    "model_type": "must be an object",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
}
_TYPED = re.compile(r"Input should be a valid (integer|number|boolean|string)[^;]*")
_PLAIN = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}


def plain(error: Any) -> str:
    """One item of `ValidationError.errors()` as the end of a sentence, such as `must be a whole number`."""
    words = _WORDS.get(str(error.get("type")))
    if words is not None:
        return words.format(**error.get("ctx", {}))
    return str(error["msg"]).removeprefix("Value error, ")


def long_keys(value: SecretStr | None) -> SecretStr | None:
    """Keys that are long enough, separated by commas; raises ValueError."""
    if value is not None and any(len(key.strip()) < 32 for key in value.get_secret_value().split(",")):
        raise ValueError("each key needs 32 random characters or more, such as `openssl rand -hex 24` gives")
    return value


def reworded(message: str) -> str:
    """A message that quotes pydantic, such as those of the command line, with its words replaced."""
    return _TYPED.sub(lambda found: f"it must be a {_PLAIN[found[1]]}".replace("a true", "true"), message)


def fitting(model: type[_Model], values: object, context: Mapping[str, Any] | None = None) -> _Model:
    """The model with these values of a request; raises InvalidRequest that names the first that does not fit."""
    try:
        return model.model_validate(values, context=dict(context or {}))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(each) for each in first["loc"]) or "the body"
        raise InvalidRequest(f"{place!r:.100} {plain(first)}") from None
