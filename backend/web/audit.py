"""Notes in the audit log what was changed, taken away or refused. A log that cannot be written stops nobody."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, g, request
from sqlalchemy.exc import SQLAlchemyError

from labelwheel.backend.database.engine import Database
from labelwheel.backend.projects import audit_log
from labelwheel.backend.web.roles import Role, current

log = logging.getLogger(__name__)

_SAFE = ("GET", "HEAD", "OPTIONS")
_REFUSED = (401, 403)
_View = TypeVar("_View", bound=Callable[..., Any])


def taken(view: _View) -> _View:
    """Marks a route that changes nothing and is noted all the same: people's texts leave by it."""
    view.audited = True  # type: ignore[attr-defined]
    return view


def quiet(view: _View) -> _View:
    """Marks a route that is no change though its method says so: it would fill the log."""
    view.audited = False  # type: ignore[attr-defined]
    return view


def mark(action: str | None = None, project_id: int | None = None) -> None:
    """Says what the present request is about, where its address does not."""
    g.audited_action, g.audited_project = action or g.get("audited_action"), project_id


class Refusals:
    """Lets one refusal a minute through for each peer and answer, and so many for all: strangers cannot fill it."""

    def __init__(self, seconds: float = 60.0, most: int = 30) -> None:
        self._seconds, self._most = seconds, most
        self._since, self._seen, self._dropped = 0.0, set[tuple[str, int]](), 0
        self._lock = threading.Lock()

    def let(self, peer: str, status: int) -> int | None:
        """How many were left out since the last that was let through; None where this one is left out as well."""
        with self._lock:
            now = time.monotonic()
            if now - self._since >= self._seconds:
                self._since, self._seen = now, set()
            if (peer, status) in self._seen or len(self._seen) >= self._most:
                self._dropped += 1
                return None
            self._seen.add((peer, status))
            dropped, self._dropped = self._dropped, 0
            return dropped


def install(app: Flask, database: Database) -> None:
    """Writes a line after each request that is worth one."""
    refusals = Refusals()

    @app.after_request
    def write(response: Response) -> Response:
        role, peer = _role(), request.remote_addr or ""
        action = f"{request.method} {request.path}"
        if response.status_code in _REFUSED:
            dropped = refusals.let(peer, response.status_code)
            if dropped is None:
                return response
            action += f" ({dropped} more refused since the last line)" if dropped else ""
        elif not _noted(app):
            return response
        action = g.get("audited_action") or action
        try:
            with database.transaction() as tx:
                audit_log.note(tx, role, action, peer, _project(), response.status_code)
        except SQLAlchemyError as error:
            log.warning("not in the audit log, for the database does not answer (%s): %s", type(error).__name__, action)
        return response


def _role() -> str:
    """With whose credentials; whoever could not show the signature that a route asks for is nobody."""
    access = current()
    return Role.NOBODY if access.role is Role.SIGNED and not g.get("admitted") else access.name


def _noted(app: Flask) -> bool:
    if "audited_action" in g:
        return True
    view = app.view_functions.get(request.endpoint or "")
    marked = getattr(view, "audited", None)
    if marked is not None:
        return bool(marked)
    return (
        current().role is Role.ADMIN and request.method not in _SAFE and (request.blueprint or "") in ("api", "exports")
    )


def _project() -> int | None:
    if "audited_project" in g and g.audited_project is not None:
        return int(g.audited_project)
    owner = current().owner
    if owner is not None:
        return owner.project_id
    rule = request.url_rule.rule if request.url_rule else ""
    return (request.view_args or {}).get("number") if rule.startswith("/api/v1/projects/") else None
