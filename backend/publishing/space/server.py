"""The Space's process: gunicorn with one worker, which has the model and answers the page.

    python app.py          # port 7860; PORT and HOST choose another place, FLAGS_TOKEN opens what was flagged

Whoever comes is a stranger: sizes, rates and the number of texts at work are bounded, answers are checked against the
question before they are kept, and the page shows everything as text.
"""

from __future__ import annotations

import hmac
import os
import threading
from pathlib import Path
from typing import Any

from flask import Flask, Response, request, send_from_directory
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from labelwheel.backend.publishing.space.flags import Flags
from labelwheel.backend.publishing.space.rates import Rate
from labelwheel.backend.publishing.space.settings import FILE, MODEL, SpaceSettings
from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.model import Model

LONGEST = 10_000
BODY = 128 * 1024
AT_ONCE = 2
PATIENCE = 20.0
_STATIC = Path(__file__).with_name("static")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self' https://huggingface.co",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Refused(Exception):
    """A request that is not answered: its status, and why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def create(folder: Path, flags: Flags, token: str | None) -> Flask:
    """The application of a Space's folder. Loads the model, which takes seconds."""
    space = SpaceSettings.model_validate_json((folder / FILE).read_bytes())
    model = Model.load(folder / MODEL, device="cpu", manifest=space.manifest)
    question, at_work = space.manifest.question, threading.BoundedSemaphore(AT_ONCE)
    answering, flagging, guessing = Rate(60, 600), Rate(10, 120), Rate(30, 300)
    app = Flask("space", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY

    def checked_texts(body: dict[str, Any]) -> list[str]:
        texts = body.get("texts")
        if not isinstance(texts, list) or len(texts) != len(question.inputs):
            raise Refused(400, f"give {len(question.inputs)} text(s), as a list")
        if not all(isinstance(text, str) and len(text) <= LONGEST and "\0" not in text for text in texts):
            raise Refused(413, f"a text has at most {LONGEST:,} characters")
        if not question.text(space.example(texts)).strip():
            raise Refused(400, "there is no text")
        return texts

    def operator() -> None:
        if not guessing.allows(_address()):
            raise Refused(429, "too often; wait a minute")
        given = request.headers.get("X-Flags-Token", "")
        if token is None or not hmac.compare_digest(given.encode(), token.encode()):
            raise Refused(401, "set FLAGS_TOKEN in the Space's settings, and send it")

    @app.errorhandler(Refused)
    def refuse(error: Refused) -> tuple[dict[str, str], int]:
        return {"error": str(error)}, error.status

    @app.errorhandler(413)
    def too_large(_: Any) -> tuple[dict[str, str], int]:
        return {"error": f"a request has at most {BODY // 1024} KB"}, 413

    @app.after_request
    def guard(answer: Response) -> Response:
        answer.headers.update(_HEADERS)
        return answer

    @app.get("/")
    def page() -> Response:
        return send_from_directory(_STATIC, "page.html")

    @app.get("/<any('page.js', 'page.css'):name>")
    def static_file(name: str) -> Response:
        return send_from_directory(_STATIC, name)

    @app.get("/card")
    def card() -> Response:
        path = folder / MODEL / "README.md"
        return Response(path.read_text("utf-8"), content_type="text/plain; charset=utf-8")

    @app.get("/api/question")
    def asked() -> dict[str, Any]:
        return space.form()

    @app.post("/api/answer")
    def answer() -> dict[str, Any]:
        texts = checked_texts(_body())
        if not answering.allows(_address()):
            raise Refused(429, "too often; wait a minute")
        if not at_work.acquire(timeout=PATIENCE):
            raise Refused(503, "too many at once; try again")
        try:
            (said,) = model.predict(question, [space.example(texts)])
        finally:
            at_work.release()
        return {"version": space.manifest.version, **said.model_dump(mode="json")}

    @app.post("/api/flag")
    def flag() -> tuple[dict[str, Any], int]:
        body = _body()
        texts = checked_texts(body)
        if not flagging.allows(_address()):
            raise Refused(429, "too often; wait a minute")
        try:
            right = question.check(body.get("answer"), space.example(texts))
        except InvalidAnswer as error:
            raise Refused(422, str(error)) from None
        name = flags.add(space.manifest.version, texts, right)
        if name is None:
            raise Refused(507, "there is no room for more until the operator fetches them")
        return {"id": name}, 201

    @app.get("/api/flags")
    def flagged() -> dict[str, Any]:
        operator()
        return {"question": question.model_dump(mode="json"), "flags": flags.all()}

    @app.post("/api/flags/taken")
    def taken() -> dict[str, Any]:
        operator()
        names = _body().get("ids")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Refused(400, "give ids, as a list")
        return {"taken": flags.take(names)}

    return app


def _body() -> dict[str, Any]:
    found = request.get_json(silent=True)
    if not isinstance(found, dict):
        raise Refused(400, "send a JSON object")
    return found


def _address() -> str:
    # the nearest proxy adds whom it heard from at the end; what stands before that, anybody may have written
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return forwarded[:64] or str(request.remote_addr)


def place() -> Path:
    """Where flags are kept: SPACE_DATA; the persistent storage of a Space where it has one; else beside it."""
    given = os.environ.get("SPACE_DATA")
    persistent = Path("/data")
    if given:
        return Path(given)
    return persistent if persistent.is_dir() and os.access(persistent, os.W_OK) else Path("flags").absolute()


class _Server(BaseApplication):
    """One process that has the model, and threads; the master never loads it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        super().__init__()

    def load_config(self) -> None:
        bind = f"{os.environ.get('HOST', '0.0.0.0')}:{os.environ.get('PORT', '7860')}"  # noqa: S104  a container's
        chosen = {"bind": bind, "workers": 1, "worker_class": "gthread", "threads": 8, "timeout": 120}
        chosen |= {"keepalive": 5, "control_socket_disable": True}
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return create(self._folder, Flags(place()), os.environ.get("FLAGS_TOKEN") or None)


def main(folder: Path) -> None:
    """Serves a Space's folder until it is told to end."""
    _Server(folder).run()
