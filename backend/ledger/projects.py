"""The connected projects: who they are and what they ask. The worker does the connecting, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend import connectors
from backend.errors import InvalidRequest, NotFound
from backend.ledger.tables import Project, ProjectState, QuestionRow
from backend.settings import Settings
from plugins.errors import UnknownProject


def register(
    tx: Session,
    settings: Settings,
    tool: str,
    url: str,
    external_id: str,
    api_key: str,
    service_url: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Project:
    """Notes a project for the worker to connect; once more for a known one renews its key and its wiring.

    `service_url` is where the labelling tool reaches us (None: as the settings say). Raises InvalidRequest where
    something is missing, NotFound where no connector is called `tool`.
    """
    url, external_id = url.strip().rstrip("/"), str(external_id).strip()
    if not url.startswith(("http://", "https://")):
        raise InvalidRequest(f"the labelling tool's url must begin with http:// or https://, not {url!r:.100}")
    if not external_id or not api_key:
        raise InvalidRequest("a project and an api key are needed to connect")
    if tool not in connectors.names():
        raise NotFound(f"there is no connector for {tool!r}; installed: {', '.join(connectors.names()) or 'none'}")
    place = select(Project).where(Project.tool == tool, Project.url == url, Project.external_id == external_id)
    project = tx.scalars(place.with_for_update()).one_or_none()
    if project is None:
        project = Project(tool=tool, url=url, external_id=external_id)
        tx.add(project)
    project.api_key = api_key
    project.service_url = (service_url or settings.public_url or settings.url).rstrip("/")
    project.options = {**(project.options or {}), **(options or {})}
    project.state, project.step, project.problem = ProjectState.CONNECTING, "waiting for the worker", None
    project.announced = None
    tx.flush()
    return project


def disconnect(tx: Session, project_id: int) -> Project:
    """Notes that a project is to be disconnected: the worker undoes the wiring. Labels and checkpoints stay."""
    project = lock(tx, project_id)
    if project.state != ProjectState.DISCONNECTED:
        project.state, project.step, project.problem = ProjectState.DISCONNECTING, "waiting for the worker", None
        tx.flush()
    return project


def get(session: Session, project_id: int) -> Project:
    """One project; raises NotFound."""
    project = session.get(Project, project_id)
    if project is None:
        raise NotFound(f"there is no project {project_id}; `labelwheel status` lists them")
    return project


def lock(tx: Session, project_id: int) -> Project:
    """One project, for this transaction alone: whoever changes champions, generations or the state takes it first."""
    query = select(Project).where(Project.id == project_id).with_for_update().execution_options(populate_existing=True)
    project = tx.scalars(query).one_or_none()
    if project is None:
        raise NotFound(f"there is no project {project_id}; `labelwheel status` lists them")
    return project


def find(session: Session, tool: str, reference: str) -> Project:
    """The project that a labelling tool's request calls `reference`; raises UnknownProject."""
    known = (ProjectState.CONNECTING, ProjectState.CONNECTED, ProjectState.FAILED)
    query = select(Project).where(Project.tool == tool, Project.reference == reference, Project.state.in_(known))
    project = session.scalars(query.order_by(Project.state == ProjectState.FAILED, Project.id.desc())).first()
    if project is None:
        raise UnknownProject(f"{tool} project {reference!r:.100} is not connected; run `labelwheel connect` first")
    return project


def everyone(session: Session) -> list[Project]:
    """Every project, the oldest first, disconnected ones included."""
    return list(session.scalars(select(Project).order_by(Project.id)))


def questions(session: Session, project_id: int) -> list[QuestionRow]:
    """The questions that a project asks now."""
    query = select(QuestionRow).where(QuestionRow.project_id == project_id, QuestionRow.active)
    return list(session.scalars(query.order_by(QuestionRow.id)))


def question(session: Session, project_id: int, name: str) -> QuestionRow:
    """One question by name; raises NotFound, naming those that there are."""
    known = questions(session, project_id)
    for row in known:
        if row.name == name:
            return row
    names = ", ".join(row.name for row in known) or "none"
    raise NotFound(f"project {project_id} has no question {name!r:.100}; it has: {names}")
