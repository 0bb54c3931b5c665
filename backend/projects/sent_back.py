"""The wish that label errors are shown in the labelling tool: noted here, carried out by the worker.

`Project.sent_back` is {"questions": [name, …], "by", "keys": [key, …] | None}: `keys` are those that the tool shows,
None until it was told. It stays, so that what is put right leaves the list and what is found later comes, until
somebody asks for no question's, or disconnects the project.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Project, ProjectState
from labelwheel.backend.errors import Conflict
from labelwheel.backend.projects import connectors, projects


def ask(tx: Session, project_id: int, names: Sequence[str], by: str) -> Project:
    """Notes whose label errors a connected project's tool shows, instead of those before; none ends it.

    Raises Conflict where no tool is there to show them, and NotFound for a question that is not asked.
    """
    project = projects.lock(tx, project_id)
    named = project.title or project.id
    if project.state != ProjectState.CONNECTED:
        raise Conflict(f"project {named} is {project.state}: there is no tool to show label errors in")
    if not callable(getattr(connectors.load(project.tool), "doubt", None)):
        raise Conflict(f"the labelling tool of project {named} has no place for label errors; `labelwheel errors` has")
    for name in names:
        projects.question(tx, project_id, name)
    if names or project.sent_back is not None:
        project.sent_back = {"questions": list(dict.fromkeys(names)), "by": by, "keys": None}
    tx.flush()
    return project


def questions(project: Project) -> list[str]:
    """Whose label errors the tool is to show, by name."""
    return list(project.sent_back["questions"]) if project.sent_back else []
