"""How large a request may be, how long it may take to arrive, and what may stand in its address."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from gunicorn.http.errors import NoMoreData, ParseException  # type: ignore[import-untyped]
from werkzeug.exceptions import NotFound
from werkzeug.routing import IntegerConverter

from labelwheel.backend.errors import InvalidRequest, TooLarge, TooSlow
from labelwheel.backend.web.body import MAX_KEY

SMALL_BODY = 64 * 1024
"""What a route takes that is not marked with `body_limit`."""

_PIECE = 2**16


class _Number(IntegerConverter):
    """Digits that a database takes as a key; larger ones name nothing that is there."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **{"max": MAX_KEY, **settings})

    def to_python(self, value: str) -> Any:
        """Raises NotFound by itself: of an address with several methods werkzeug would say that this one is wrong."""
        try:
            return super().to_python(value)
        except ValueError:
            raise NotFound from None


def install(app: Flask, max_bytes: int, seconds: float = 30.0) -> None:
    """Reads each body before its route does: no more than the route takes, in no more than so many seconds.

    A body that is too large is refused at once where its length is announced, else (chunked) as soon as it gets there.
    """
    app.config["MAX_CONTENT_LENGTH"] = max_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = 0
    app.url_map.converters["int"] = _Number
    app.wsgi_app = _closing(app.wsgi_app)  # type: ignore[method-assign]

    @app.before_request
    def take() -> None:
        _check_address()
        environ = request.environ
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        length = request.content_length
        if not chunked and not length:
            return
        limit = getattr(app.view_functions.get(request.endpoint or ""), "body_limit", SMALL_BODY)
        limit = max_bytes if limit is None else min(limit, max_bytes)
        if (length or 0) > limit:
            raise TooLarge(f"the body has {length} bytes; {request.path:.100} takes at most {limit}")
        receiving = getattr(environ.get("gunicorn.socket"), "receiving", None)
        with receiving(seconds) if receiving else contextlib.nullcontext():
            body = _read(environ["wsgi.input"], None if chunked else length, limit)
        # Werkzeug would cut a chunked body off at its limit and hand the rest on as if it were whole
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["labelwheel.body"] = True
        request.__dict__.pop("content_length", None)

    @app.after_request
    def part(response: Response) -> Response:
        environ = request.environ
        sent = environ.get("HTTP_TRANSFER_ENCODING") or environ.get("CONTENT_LENGTH") not in (None, "", "0")
        if sent and not environ.get("labelwheel.body"):
            # where the next request would begin is only known to who reads what is left of this one
            response.headers["Connection"] = "close"
        return response


def _closing(app: Callable[..., Any]) -> Callable[..., Any]:
    """The same app, whose "Connection: close" gunicorn keeps to: it leaves that header of an app out."""

    def call(environ: dict[str, Any], start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            close = getattr(getattr(start_response, "__self__", None), "force_close", None)
            if close and any(pair[0].lower() == "connection" and pair[1].lower() == "close" for pair in headers):
                close()
            return start_response(status, headers, *rest)

        return app(environ, start)

    return call


def _read(stream: Any, length: int | None, limit: int) -> bytes:
    body = bytearray()
    try:
        while length is None or len(body) < length:
            piece = stream.read(_PIECE if length is None else min(_PIECE, length - len(body)))
            if not piece:
                break
            body += piece
            if len(body) > limit:
                raise TooLarge(f"the body has more than {limit} bytes, which is all that {request.path:.100} takes")
    except TimeoutError:
        raise TooSlow("the body did not arrive in time; send it again, all at once") from None
    except NoMoreData:
        raise InvalidRequest("the body ended early; send it again") from None
    except ParseException as error:
        raise InvalidRequest(f"the body's chunks cannot be read: {error!s:.200}") from None
    if length is not None and len(body) < length:
        raise InvalidRequest(f"the body ended after {len(body)} of {length} bytes; send it again")
    return bytes(body)


def _check_address() -> None:
    if "\0" in request.path or any("\0" in each for pair in request.args.items(multi=True) for each in pair):
        raise InvalidRequest("the address holds a NUL character, which names nothing here; leave it out")
