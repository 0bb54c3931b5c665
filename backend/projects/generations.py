"""Generations: which champions serve a project's questions together, under one name that is never used twice.

A revision is a generation with newer heads, between two rounds.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, Text, cast, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import (
    CheckpointRow,
    Generation,
    HeadRow,
    Project,
    ProjectState,
    QuestionRow,
    Revision,
)
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
    """What a web process has to serve for one project. `questions` are all that are learnt, with a champion or not.

    `heads` has version and content of the heads that are newer than their champions, and `version` is the name that
    what is served then has: the revision's, or else the generation's own. `answers` is False while web processes get
    it ready, and `turn` counts what has answered; see `turns`.
    """

    project_id: int
    tool: str
    reference: str
    name: str
    questions: dict[str, Question]
    members: dict[str, Member]
    version: str
    heads: dict[str, tuple[str, bytes]]
    answers: bool
    turn: int


SERVED = (ProjectState.CONNECTING, ProjectState.CONNECTED, ProjectState.FAILED)


# Web processes ask for these twenty times a second while people label: put together once, and read without objects.
_P, _Q = Project.__table__.c, QuestionRow.__table__.c
_IS_SERVED = _P.state.in_(SERVED) & _P.generation_id.is_not(None)
_MARKS = (
    select(_P.id, _P.tool, _P.reference, _P.generation_id, _P.revision_id, _P.answering_id, _P.turn).where(_IS_SERVED),
    select(_Q.id, _Q.name, cast(_Q.spec, Text))
    .where(_Q.active)
    .join(Project.__table__, _P.id == _Q.project_id)
    .where(_IS_SERVED)
    .order_by(_Q.id),
)


def mark(connection: Connection) -> tuple[object, ...]:
    """Changes whenever `current` does: two statements, and no JSON is read."""
    return tuple(tuple(row) for query in _MARKS for row in connection.execute(query))


def current(session: Session) -> dict[int, GenerationView]:
    """The generation of every project that has one and is not disconnected, by project id."""
    query = select(Project, Generation).join(Generation, Generation.id == Project.generation_id)
    found = session.execute(query.where(Project.state.in_(SERVED)).order_by(Project.id)).all()
    asked: dict[int, dict[str, Question]] = {}
    for row in session.scalars(select(QuestionRow).where(QuestionRow.active).order_by(QuestionRow.id)):
        asked.setdefault(row.project_id, {})[row.name] = Question.model_validate(row.spec)
    ids = {number for _, generation in found for number in generation.members.values()}
    champions = {row.id: row for row in session.scalars(select(CheckpointRow).where(CheckpointRow.id.in_(ids)))}
    revised = _revised(session, [project for project, _ in found])
    views = {}
    for project, generation in found:
        questions = asked.get(project.id, {})
        members = {
            name: Member(questions[name], champion.version, champion.folder, champion.manifest_digest)
            for name, number in generation.members.items()
            if name in questions and (champion := champions.get(number)) is not None
        }
        version, heads = revised.get(project.id, (generation.name, {}))
        heads = {name: head for name, head in heads.items() if name in members}
        views[project.id] = GenerationView(
            project.id, project.tool, project.reference or "", generation.name, questions, members, version, heads,
            project.answering_id == generation.id, project.turn,
        )  # fmt: skip
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
    before = revision(tx, project)
    tx.add(generation)
    tx.flush()
    project.generation_id, project.revision_id = generation.id, None
    tx.flush()
    if before is not None:
        # what another question's round brings does not cost this one what its last labels taught
        rows = tx.scalars(select(HeadRow).where(HeadRow.id.in_(before.members.values())))
        stand = {row.id for row in rows if row.champion_id in champions.values()}
        revise(tx, project, {name: number for name, number in before.members.items() if number in stand})
    return generation


def revise(tx: Session, project: Project, members: dict[str, int]) -> Revision | None:
    """Serves the generation with these heads, by question's name; without any of them as it was made."""
    generation, before = of(tx, project), project.revision_id
    if generation is None or not members:
        project.revision_id = None
        if before is not None and generation is not None and project.answering_id == generation.id:
            project.turn += 1
        return None
    latest = select(Revision.name).where(Revision.generation == generation.name).order_by(Revision.id.desc()).limit(1)
    name = naming.revision(generation.name, naming.revision_number(tx.scalar(latest)) + 1)
    made = Revision(project_id=project.id, generation=generation.name, name=name, members=members)
    tx.add(made)
    tx.flush()
    project.revision_id = made.id
    if project.answering_id == generation.id:
        project.turn += 1
    return made


def revision(session: Session, project: Project) -> Revision | None:
    """A project's present revision, where it has one."""
    return None if project.revision_id is None else session.get(Revision, project.revision_id)


def _revised(session: Session, found: list[Project]) -> dict[int, tuple[str, dict[str, tuple[str, bytes]]]]:
    """By project: the revision's name, and version and content of each of its heads."""
    ids = [project.revision_id for project in found if project.revision_id is not None]
    if not ids:
        return {}
    revisions = list(session.scalars(select(Revision).where(Revision.id.in_(ids))))
    numbers = {number for each in revisions for number in each.members.values()}
    rows = session.scalars(select(HeadRow).where(HeadRow.id.in_(numbers)))
    heads = {row.id: (row.version, row.content) for row in rows}
    return {
        each.project_id: (each.name, {name: heads[number] for name, number in each.members.items()})
        for each in revisions
        if all(number in heads for number in each.members.values())
    }


def of(session: Session, project: Project) -> Generation | None:
    """A project's present generation."""
    return None if project.generation_id is None else session.get(Generation, project.generation_id)
