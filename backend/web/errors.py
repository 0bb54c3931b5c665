"""Every error as `{"error": {"type", "message"}}`, never a traceback."""

from __future__ import annotations

import logging
import math
import secrets

from flask import Flask, Response, jsonify, request
from pydantic import BaseModel
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import HTTPException

from labelwheel.training.errors import LabelwheelError

log = logging.getLogger(__name__)

RETRY_SECONDS = 5


class Problem(BaseModel):
    """What went wrong: the error's name, for programs, and what to do about it, for people."""

    type: str
    message: str


class ErrorBody(BaseModel):
    """What every refusal looks like."""

    error: Problem


def install(app: Flask) -> None:
    """Answers whatever a route raises."""

    @app.errorhandler(LabelwheelError)
    def ours(error: LabelwheelError) -> Response:
        return _answer(error.status, type(error).__name__, str(error), getattr(error, "retry", None))

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        answer = _answer(error.code or 500, type(error).__name__, error.description or error.name)
        for name, value in error.get_headers():
            if name.lower() in ("allow", "location"):
                answer.headers[name] = value
        return answer

    @app.errorhandler(DataError)
    def unkept(error: DataError) -> Response:
        log.warning("%s %s: the database refuses a value: %s", request.method, request.path, error.orig)
        return _answer(400, "InvalidRequest", "the request holds a value that the database cannot keep")

    @app.errorhandler(OperationalError)
    def busy(error: OperationalError) -> Response:
        log.warning("%s %s: the database does not answer: %s", request.method, request.path, error.orig)
        return _answer(503, "DatabaseBusy", "the database does not answer at the moment; try again in a few seconds")

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        number = secrets.token_hex(4)
        log.error("error %s in %s %s", number, request.method, request.path, exc_info=error)
        return _answer(500, "InternalError", f"something went wrong; the service's log has it as error {number}")


def _answer(status: int, kind: str, message: str, retry: float | None = None) -> Response:
    answer = jsonify(ErrorBody(error=Problem(type=kind, message=message)).model_dump())
    answer.status_code = status
    if status in (429, 503):
        answer.headers["Retry-After"] = str(math.ceil(max(RETRY_SECONDS, retry or 0)))
    return answer
