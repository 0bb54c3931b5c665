"""The connected projects: who they are and what they ask. The worker does the connecting, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database import keyring
from labelwheel.backend.database.tables import (
    ACTIVE,
    CheckpointRow,
    Decision,
    Project,
    ProjectState,
    QuestionRow,
    Round,
)
from labelwheel.backend.errors import InvalidRequest, NotFound
from labelwheel.backend.projects import connectors
from labelwheel.backend.settings import Settings
from labelwheel.plugins.addresses import check_allowed, checked
from labelwheel.plugins.errors import UnknownProject


def register(
    tx: Session,
    settings: Settings,
    tool: str,
    url: str,
    external_id: str,
    api_key: str,
    service_url: str | None = None,
    options: Mapping[str, Any] | None = None,
    share_with: str | None = None,
) -> Project:
    """Notes a project for the worker to connect; once more for a known one renews its key and its wiring.

    `service_url` is where the labelling tool reaches us (None: as the settings say); `share_with` names a project whose
    champions it shares where both ask the same. Raises InvalidRequest where something is missing, InvalidAddress for an
    address that may not be called, NotFound where no connector is called `tool`, or no project `share_with`.
    """
    url, external_id = checked(url), str(external_id).strip()
    check_allowed(url, settings.tool_places)
    if not external_id or not api_key:
        raise InvalidRequest("a project and an api key are needed to connect")
    if tool not in connectors.names():
        raise NotFound(f"there is no connector for {tool!r}; installed: {', '.join(connectors.names()) or 'none'}")
    place = select(Project).where(Project.tool == tool, Project.url == url, Project.external_id == external_id)
    project = tx.scalars(place.with_for_update()).one_or_none()
    if project is None:
        project = Project(tool=tool, url=url, external_id=external_id)
        tx.add(project)
    project.api_key = keyring.load(settings).seal(api_key)
    project.service_url = checked(service_url) if service_url else (settings.public_url or settings.url).rstrip("/")
    project.options = {**(project.options or {}), **(options or {})}
    project.state, project.step, project.problem = ProjectState.CONNECTING, "waiting for the worker", None
    project.announced = None
    if project.sent_back is not None:  # the tool may have lost what it was told to show
        project.sent_back = {**project.sent_back, "keys": None}
    tx.flush()
    project.share_with_id = None if share_with is None else _other(tx, project, share_with).id
    tx.flush()
    return project


def _other(session: Session, project: Project, wanted: str) -> Project:
    other = named(session, wanted)
    if other.id == project.id:
        raise InvalidRequest(f"project {project.id} cannot share with itself; name another one to share with")
    return other


def named(session: Session, wanted: str) -> Project:
    """The project that people mean: by its number, or else by its title or its name in the labelling tool."""
    rows = everyone(session)
    connected = [row for row in rows if row.state != ProjectState.DISCONNECTED]
    found = [row for row in rows if wanted == str(row.id)]
    found = found or [row for row in connected if wanted in (row.title, row.external_id, row.reference)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{row.id} ({row.title or row.external_id})" for row in found or connected) or "none"
    if found:
        raise InvalidRequest(f"several projects are called {wanted!r:.100}, use a number: {known}")
    raise NotFound(f"there is no project {wanted!r:.100}; there are: {known}")


def disconnect(tx: Session, project_id: int) -> Project:
    """Notes that a project is to be disconnected: the worker undoes the wiring. Labels and checkpoints stay."""
    project = lock(tx, project_id)
    if project.state != ProjectState.DISCONNECTED:
        project.state, project.step, project.problem = ProjectState.DISCONNECTING, "waiting for the worker", None
        project.sent_back = None
        tx.flush()
    return project


def was_connected(session: Session, project_id: int) -> bool:
    """Whether a project was ever connected, so that it may have labels."""
    query = select(Decision.id).where(Decision.project_id == project_id, Decision.kind == "connected")
    return session.scalar(query.limit(1)) is not None


def withdraw(tx: Session, project_id: int) -> bool:
    """Takes back the wish to connect a project that never was: nothing of it is left. True where that was so.

    One that was connected before stays as it is, with its labels.
    """
    project = lock(tx, project_id)
    if project.state not in (ProjectState.CONNECTING, ProjectState.FAILED) or was_connected(tx, project_id):
        return False
    asked = select(QuestionRow.id).where(QuestionRow.project_id == project_id)
    kept = select(Round.id).where(Round.question_id.in_(asked), Round.state.in_(ACTIVE))
    made = select(CheckpointRow.id).where(CheckpointRow.question_id.in_(asked))
    if tx.scalar(kept.limit(1)) is None and tx.scalar(made.limit(1)) is None:
        tx.execute(delete(Project).where(Project.id == project_id))
    else:  # what its rounds left is tidied up in their own way
        project.state, project.step = ProjectState.DISCONNECTED, ""
    tx.flush()
    return True


def unknown(project_id: int) -> NotFound:
    """What is raised about a project that is not there."""
    return NotFound(f"there is no project {project_id}; `labelwheel status` lists them")


def get(session: Session, project_id: int) -> Project:
    """One project; raises NotFound."""
    project = session.get(Project, project_id)
    if project is None:
        raise unknown(project_id)
    return project


def lock(tx: Session, project_id: int, *others: int) -> Project:
    """One project, for this transaction alone: whoever changes champions, generations, labels or the state takes it
    first. Those that share with it (and `others`) are locked too, always in the same order."""
    while True:
        ids = _pooled(tx, (project_id, *others))
        query = select(Project).where(Project.id.in_(ids)).order_by(Project.id)
        rows = tx.scalars(query.with_for_update().execution_options(populate_existing=True)).all()
        if _pooled(tx, (project_id, *others)) == ids:  # else they were brought together while we waited
            break
    project = next((row for row in rows if row.id == project_id), None)
    if project is None:
        raise unknown(project_id)
    return project


def lock_question(tx: Session, question_id: int) -> tuple[QuestionRow, Project]:
    """A question as it is once its project is locked, and that. Raises NotFound."""
    question = tx.get(QuestionRow, question_id)
    if question is None:
        raise NotFound(f"there is no question {question_id}")
    project = lock(tx, question.project_id)
    tx.refresh(question)
    return question, project


def pool(project: Project) -> int:
    """The project whose split this one's texts belong to: one for all that share, or ever shared, a question."""
    return project.pool_id or project.id


def salt(founder: Project) -> str:
    """What the split of a pool is drawn with: no address, as a tool that moves, or is restored, keeps its split."""
    return salted(founder.tool, founder.external_id)


def salted(tool: str, external_id: str) -> str:
    """The same, of a founder's columns."""
    return f"{tool}/{external_id}"


def _pooled(session: Session, ids: Sequence[int]) -> list[int]:
    own = func.coalesce(Project.pool_id, Project.id)
    pools = select(own).where(Project.id.in_(ids))
    return list(session.scalars(select(Project.id).where(own.in_(pools)).order_by(Project.id)))


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
