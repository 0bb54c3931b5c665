"""A recording of a project that is, or was, connected: read from its database, in which nothing is changed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import (
    CheckpointRow,
    Decision,
    Event,
    ExampleRow,
    Project,
    QuestionRow,
    Round,
    RoundState,
)
from labelwheel.backend.errors import Conflict, InvalidRequest, NotFound
from labelwheel.backend.projects import champion_groups, projects
from labelwheel.backend.replay.recording import MOST_EVENTS, RecordedRound, Recording
from labelwheel.backend.rounds import answers
from labelwheel.backend.settings import Settings
from labelwheel.training.checkpoints.store import Store
from labelwheel.training.kinds.agreement import agree
from labelwheel.training.questions import Answer, Question
from labelwheel.training.spec import Recipe

_ENDED = (RoundState.PROMOTED, RoundState.REJECTED)


def read(settings: Settings, project: str, question: str | None) -> Recording:
    """One question of a project, by the names that people use.

    Raises NotFound and InvalidRequest where it is not clear which one, Conflict where it cannot be replayed,
    DatabaseUnusable where there is no database that this version reads.
    """
    if settings.database is None and not (settings.home / "labelwheel.db").is_file():
        raise NotFound(
            f"there is no database in {settings.home}; set LABELWHEEL_HOME to the service's folder, or "
            "LABELWHEEL_DATABASE"
        )
    database = Database(settings.database_url)
    try:
        database.check_ready()
        with database.session() as session:
            found = projects.named(session, project)
            return _recording(session, found, _question(session, found, question), settings.checkpoints)
    finally:
        database.dispose()


def _question(session: Session, project: Project, wanted: str | None) -> QuestionRow:
    if wanted is not None:
        return projects.question(session, project.id, wanted)
    asked = projects.questions(session, project.id)
    if len(asked) != 1:
        names = ", ".join(row.name for row in asked) or "none that is learnt"
        raise InvalidRequest(f"say which question with --question; there are: {names}")
    return asked[0]


def _recording(session: Session, project: Project, question: QuestionRow, store: Store) -> Recording:
    if len(champion_groups.members(session, question)) > 1:
        raise Conflict(
            f"{question.name!r} shares its champion with other projects; a replay knows one project at a time: choose "
            "a question that is not shared, or export the labels and replay them with --data"
        )
    mine = Event.project_id == project.id, Event.question == question.name
    count = session.scalar(select(func.count(Event.id)).where(*mine)) or 0
    if not count:
        raise Conflict(f"nobody has answered {question.name!r} yet; label some examples, or replay a file with --data")
    if count > MOST_EVENTS:
        raise InvalidRequest(
            f"{count:,} labels are more than a replay takes ({MOST_EVENTS:,}); export them and replay a part "
            "with --data"
        )
    events = list(session.scalars(select(Event).where(*mine).order_by(Event.id)))
    arrivals = list(
        session.scalars(select(ExampleRow).where(ExampleRow.project_id == project.id).order_by(ExampleRow.id))
    )
    founder = projects.get(session, projects.pool(project))
    rounds = _rounds(session, question, store)
    took = [(each.ended_at - each.started_at).total_seconds() for each in rounds if each.recipe == Recipe.AUTO]
    return Recording(
        name=f"{project.title or project.external_id} · {question.name}",
        tool=founder.tool,
        external_id=founder.external_id,
        question=Question.model_validate(question.spec),
        arrivals=arrivals,
        events=events,
        truth=_truth(session, question),
        rounds=rounds,
        round_seconds=statistics.median(took) if took else 0.0,
    )


def _truth(session: Session, question: QuestionRow) -> dict[str, Answer]:
    spec = Question.model_validate(question.spec)
    read = answers.read(session, question, spec, None, shared=False)
    return {found.key: spec.check(agree(spec.kind, found.votes).answer, found.example) for found in read}


def _rounds(session: Session, question: QuestionRow, store: Store) -> list[RecordedRound]:
    query = select(Round).where(Round.question_id == question.id, Round.state.in_(_ENDED)).order_by(Round.id)
    versions = {row.id: row.version for row in session.scalars(select(CheckpointRow))}
    there, said = set(store.names()), _details(session, question)
    return [
        RecordedRound(
            row.version, row.recipe, row.trigger, row.state, row.reason or "",
            versions.get(row.champion_id) if row.champion_id else None, row.last_event_id, row.started_at, row.ended_at,
            row.digest, said.get(row.version, {}), row.version in there,
        )
        for row in session.scalars(query)
        if row.started_at is not None and row.ended_at is not None
    ]  # fmt: skip


def _details(session: Session, question: QuestionRow) -> dict[str, dict[str, object]]:
    """What the gate noted of each version."""
    query = select(Decision).where(
        Decision.project_id == question.project_id, Decision.question == question.name, Decision.kind.in_(_ENDED)
    )
    rows: Sequence[Decision] = session.scalars(query).all()
    return {str(row.details["version"]): row.details for row in rows if "version" in row.details}
