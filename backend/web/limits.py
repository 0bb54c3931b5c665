"""How large a request may be, and the numbers in its address."""

from __future__ import annotations

import contextlib
import io
import time
from functools import partial
from typing import Any

from flask import Flask, Response, request
from werkzeug.routing import IntegerConverter

from backend.errors import TooLarge

_DRAIN_SECONDS = 5.0
_DRAIN_BYTES = 256 * 2**20
_PIECE = 2**16


class _Number(IntegerConverter):
    """Digits that a database takes as a key; larger ones name nothing that is there."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **{"max": 2**31 - 1, **settings})


def install(app: Flask, max_bytes: int) -> None:
    """Refuses larger bodies: at once where their length is announced, else (chunked) as soon as they get there."""
    app.config["MAX_CONTENT_LENGTH"] = max_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = 0
    app.url_map.converters["int"] = _Number

    @app.before_request
    def refuse() -> None:
        if (request.content_length or 0) > max_bytes:
            raise TooLarge(f"the body has {request.content_length} bytes; at most {max_bytes} are taken")
        if "chunked" in request.environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            _collect(request.environ, max_bytes)

    @app.after_request
    def drain(response: Response) -> Response:
        if response.status_code == TooLarge.status:
            # a client that is still sending would see a reset connection instead of the answer: it has its answer
            # first, then what is on its way is thrown away piece by piece, and the connection ends
            response.headers["Connection"] = "close"
            response.call_on_close(partial(_throw_away, request.environ.get("wsgi.input")))
        return response


def _collect(environ: dict[str, Any], max_bytes: int) -> None:
    """Werkzeug would cut a chunked body off at the limit and hand the rest on as if it were whole."""
    stream, body = environ["wsgi.input"], bytearray()
    while piece := stream.read(_PIECE):
        body += piece
        if len(body) > max_bytes:
            raise TooLarge(f"the body has more than {max_bytes} bytes, which is all that is taken")
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING")
    request.__dict__.pop("content_length", None)


def _throw_away(stream: Any) -> None:
    deadline, left = time.monotonic() + _DRAIN_SECONDS, _DRAIN_BYTES
    with contextlib.suppress(Exception):
        while left > 0 and time.monotonic() < deadline:
            piece = stream.read(_PIECE)
            if not piece:
                return
            left -= len(piece)
