"""Generations: which champions serve a project's questions together, under one name that is never used twice."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Text, cast, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, Generation, Project, ProjectState, QuestionRow
from labelwheel.backend.projects import projects
from labelwheel.backend.projects import version_names as naming
from labelwheel.training.questions import Question


class Member(NamedTuple):
    """One question's champion; `folder` is relative to the store, `digest` that of its manifest."""

    spec: Question
    version: str
    folder: str
    digest: str | None = None


class GenerationView(NamedTuple):
    """What a web process has to serve for one project. `questions` are all that are learnt, with a champion or not."""

    project_id: int
    tool: str
    reference: str
    name: str
    questions: dict[str, Question]
    members: dict[str, Member]


SERVED = (ProjectState.CONNECTING, ProjectState.CONNECTED, ProjectState.FAILED)


def mark(session: Session) -> tuple[object, ...]:
    """Changes whenever `current` does: two statements, and no JSON is read."""
    served = Project.state.in_(SERVED) & Project.generation_id.is_not(None)
    columns = select(Project.id, Project.tool, Project.reference, Project.generation_id)
    asked = select(QuestionRow.id, QuestionRow.name, cast(QuestionRow.spec, Text)).where(QuestionRow.active)
    asked = asked.join(Project, Project.id == QuestionRow.project_id).where(served)
    return tuple(
        tuple(row)
        for query in (columns.where(served), asked.order_by(QuestionRow.id))
        for row in session.execute(query)
    )


def current(session: Session) -> dict[int, GenerationView]:
    """The generation of every project that has one and is not disconnected, by project id."""
    query = select(Project, Generation).join(Generation, Generation.id == Project.generation_id)
    found = session.execute(query.where(Project.state.in_(SERVED)).order_by(Project.id)).all()
    asked: dict[int, dict[str, Question]] = {}
    for row in session.scalars(select(QuestionRow).where(QuestionRow.active).order_by(QuestionRow.id)):
        asked.setdefault(row.project_id, {})[row.name] = Question.model_validate(row.spec)
    ids = {number for _, generation in found for number in generation.members.values()}
    champions = {row.id: row for row in session.scalars(select(CheckpointRow).where(CheckpointRow.id.in_(ids)))}
    views = {}
    for project, generation in found:
        questions = asked.get(project.id, {})
        members = {
            name: Member(questions[name], champion.version, champion.folder, champion.manifest_digest)
            for name, number in generation.members.items()
            if name in questions and (champion := champions.get(number)) is not None
        }
        views[project.id] = GenerationView(
            project.id, project.tool, project.reference or "", generation.name, questions, members
        )
    return views


def names(session: Session, tool: str, reference: str | None) -> list[str]:
    """The generations that a project (None: every project of the tool) was served, the newest first."""
    query = select(Generation.name).join(Project, Project.id == Generation.project_id).where(Project.tool == tool)
    if reference is not None:
        query = query.where(Project.id == projects.find(session, tool, reference).id)
    return list(session.scalars(query.order_by(Generation.id.desc())))


def create(tx: Session, project: Project, reason: str) -> Generation:
    """Makes the champions of this moment the project's generation; the web processes follow by themselves."""
    # counted on from the latest, for old ones are cleared away; it is never itself
    latest = select(Generation.name).where(Generation.project_id == project.id).order_by(Generation.id.desc()).limit(1)
    number = naming.number(tx.scalar(latest))
    champions = {row.name: row.champion_id for row in projects.questions(tx, project.id) if row.champion_id is not None}
    generation = Generation(
        project_id=project.id, name=naming.generation(project.id, number + 1), members=champions, reason=reason[:4000]
    )
    tx.add(generation)
    tx.flush()
    project.generation_id = generation.id
    tx.flush()
    return generation


def of(session: Session, project: Project) -> Generation | None:
    """A project's present generation."""
    return None if project.generation_id is None else session.get(Generation, project.generation_id)
