"""Turns: when all web processes answer with something else, from one moment on.

A new generation is loaded by every web process first, while the one before goes on answering (`answering_id`). Who
reports last that it is ready takes the next turn, a number in the project's row. Where there are several web
processes, each looks at that number before it answers: whoever was answered by the later one never meets the earlier
again, whichever process is asked.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Generation, Project, Server, now
from labelwheel.backend.projects import generations, projects, servers

_PROJECTS = Project.__table__.c
_TURN = select(_PROJECTS.turn).where(_PROJECTS.id == bindparam("project"))

PATIENCE = timedelta(seconds=120)
"""So long a process that cannot load what half of the others have ready keeps them waiting."""


def latest(connection: Connection, project_id: int) -> int:
    """The turn that a project is on; 0 where there is no such project."""
    return connection.scalar(_TURN, {"project": project_id}) or 0


def take(project: Project) -> None:
    """Something else answers from now on: the project's generation, as it is. The row is locked."""
    project.answering_id, project.turn = project.generation_id, project.turn + 1


def settle_all(database: Database) -> list[int]:
    """Takes all turns that the web processes are ready for, as they have reported; the projects whose turn it was."""
    waiting = Project.generation_id.is_not(None) & Project.generation_id.is_distinct_from(Project.answering_id)
    # who is disconnected is served by nobody, and would be locked with each report for ever
    waiting &= Project.state.in_(generations.SERVED)
    with database.session() as session:
        there = session.scalars(select(Project).where(waiting).order_by(Project.id)).all()
        alive = servers.alive(session) if there else []
        # every report comes by here, and most find that somebody is not ready yet: that is seen without a lock
        due = [project.id for project in there if _due(session, alive, project)]
    found = []
    for number in due:
        with database.transaction() as tx:
            if _settle(tx, number):
                found.append(number)
    return found


def _settle(tx: Session, project_id: int) -> bool:
    # locked before the reports are read: of two that reported at once the later one sees both
    project = projects.lock(tx, project_id)
    if not _due(tx, servers.alive(tx), project):
        return False
    take(project)
    return True


def _due(session: Session, alive: list[Server], project: Project) -> bool:
    generation = None if project.generation_id is None else session.get(Generation, project.generation_id)
    if generation is None or generation.id == project.answering_id:
        return False
    return _ready(alive, generation, str(project.id), first=project.answering_id is None)


def _ready(alive: list[Server], generation: Generation, project: str, first: bool) -> bool:
    """Where nothing answers yet, a part of it is better than nothing: who has trouble does not keep the others."""
    ready = [each.prepared.get(project) == generation.name for each in alive]
    if first:
        trouble = [(each.problems.get(project) or {}).get("generation") == generation.name for each in alive]
        ready = [fine or hard for fine, hard in zip(ready, trouble, strict=True)]
    late = now() - generation.created_at > PATIENCE
    return bool(ready) and (all(ready) or (late and 2 * sum(ready) >= len(ready)))
