"""What the web processes serve, as they report it themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Server, now

ALIVE_SECONDS = 15.0
_FORGOTTEN = timedelta(hours=1)
_NAME = Server.__table__.c.name
_OTHERS = select(_NAME).where(bindparam("own") != _NAME).limit(1)


def report(
    tx: Session,
    name: str,
    serving: dict[str, str],
    problems: dict[str, dict[str, str]] | None = None,
    memory_mb: float | None = None,
    models: dict[str, Any] | None = None,
    prepared: dict[str, str] | None = None,
) -> None:
    """A web process's heartbeat: the generation it serves by project id, and what it could not load.

    `prepared` is what it could serve from one moment to the next, which is what it serves where nothing is said.

    `models` is {"mb", "budget_mb", "unloaded": [project id], "engines": [what computes an encoder]};
    `problems` is {project id: {"generation": name, "checkpoint": version, "message": …}}.
    """
    server = tx.get(Server, name)
    if server is None:
        moment = now()
        old = or_(Server.seen_at < moment - _FORGOTTEN, Server.seen_at > moment + _FORGOTTEN)
        tx.execute(delete(Server).where(old))
        server = Server(name=name)
        tx.add(server)
    server.serving, server.problems, server.memory_mb, server.seen_at = serving, problems or {}, memory_mb, now()
    server.models = models or {}
    server.prepared = serving if prepared is None else prepared


def others(connection: Connection, name: str) -> bool:
    """Whether there is, or was within the hour, another web process: those that died without a word count, too."""
    return connection.scalar(_OTHERS, {"own": name}) is not None


def leave(tx: Session, name: str) -> None:
    """A web process ends: nobody has to wait for it any more."""
    tx.execute(delete(Server).where(Server.name == name))


def alive(session: Session) -> list[Server]:
    """The web processes that reported lately.

    A report from further in the future is not one of now: the clock was set back, and who is alive reports again soon.
    """
    moment, apart = now(), timedelta(seconds=ALIVE_SECONDS)
    lately = Server.seen_at.between(moment - apart, moment + apart)
    return list(session.scalars(select(Server).where(lately).order_by(Server.name)))


def served(session: Session, project_id: int, generation: str) -> bool:
    """Whether every web process that is alive, and at least one, serves that generation."""
    servers = alive(session)
    return bool(servers) and all(server.serving.get(str(project_id)) == generation for server in servers)


def problem(session: Session, project_id: int, generation: str) -> dict[str, Any] | None:
    """Why no living web process can serve that generation; None while one can, or may still."""
    reports = [server.problems.get(str(project_id)) for server in alive(session)]
    failed = [report for report in reports if report and report.get("generation") == generation]
    return failed[0] if failed and len(failed) == len(reports) else None
