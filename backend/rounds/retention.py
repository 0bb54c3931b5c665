"""What is kept: checkpoints in use and the latest few to go back to, and of the rest what somebody may ask for."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.slices import sliced
from labelwheel.backend.database.tables import (
    ACTIVE,
    Backfill,
    CheckpointRow,
    ExampleRow,
    Generation,
    Impression,
    Project,
    QuestionRow,
    Round,
    Server,
    now,
)
from labelwheel.backend.rounds import jobs
from labelwheel.backend.settings import Settings
from labelwheel.training import places
from labelwheel.training.errors import InvalidCheckpoint, StoreUnreachable

log = logging.getLogger(__name__)

KEPT_GENERATIONS = 200
"""Of each project, with the backfills that brought them into the tool: what acceptance is told for."""

KEPT_IMPRESSIONS = timedelta(days=30)
"""What was shown of an example that is gone: its task may come back from a restored project."""


def tidy(hold: Hold, settings: Settings) -> None:
    """Marks what is not kept any more, then clears it away; what a kill leaves over goes with the next call.

    Looks first, and locks nothing where there is nothing to do.
    """
    with hold.database.session() as session:
        found = _superfluous(session, settings.keep_checkpoints)
        old = _old_generations(session)
        gone = _gone_impressions(session)
    if found or old or gone:
        with hold.transaction() as tx:
            # looked up again: since then one of them may have become a champion
            for piece in sliced(_superfluous(tx, settings.keep_checkpoints)):
                tx.execute(update(CheckpointRow).where(CheckpointRow.id.in_(piece)).values(removed=True))
            _forget_generations(tx, _old_generations(tx))
            for piece in sliced(gone):
                tx.execute(delete(Impression).where(Impression.id.in_(piece)))
    try:
        _clear(hold, settings)
    except StoreUnreachable as error:
        log.warning("nothing was cleared away, the next round does: %s", error)


def _clear(hold: Hold, settings: Settings) -> None:
    """What lies in the store and in the rounds' folders and belongs to none that is kept."""
    names, desks = settings.checkpoints.names(), settings.checkpoints.desks()
    with hold.database.session() as session:
        known = set(session.scalars(select(CheckpointRow.version).where(CheckpointRow.removed.is_(False))))
        left = _ended(session, [name for name in names if name not in known])
        cleared = _ended(session, desks)
        active = set(session.scalars(select(Round.id).where(Round.state.in_(ACTIVE) | Round.handle.is_not(None))))
    for version in cleared:
        places.remove(settings.checkpoints.desk(version))
    jobs.tidy(settings, left, active)


def _ended(session: Session, versions: Iterable[str]) -> set[str]:
    """Those of them whose round is over; what is no round's is somebody else's."""
    query = select(Round.version).where(Round.state.not_in(ACTIVE))
    return {found for piece in sliced(versions) for found in session.scalars(query.where(Round.version.in_(piece)))}


def _superfluous(session: Session, keep: int) -> list[int]:
    """The checkpoints that nobody needs: not served, not a champion's parent, not among the latest of its question."""
    columns = select(CheckpointRow.id, CheckpointRow.question_id, CheckpointRow.parent_id, CheckpointRow.broken)
    rows = session.execute(columns.where(CheckpointRow.removed.is_(False)).order_by(CheckpointRow.id.desc())).all()
    champions = set(session.scalars(select(QuestionRow.champion_id)))
    needed = champions | _served(session) | {row.parent_id for row in rows if row.id in champions}
    needed |= set(session.scalars(select(Round.champion_id).where(Round.state.in_(ACTIVE))))
    sound: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        if not row.broken:
            sound[row.question_id].append(row.id)
    needed |= {number for numbers in sound.values() for number in numbers[:keep]}
    return [row.id for row in rows if row.id not in needed]


def remember(hold: Hold, settings: Settings) -> int:
    """Notes the manifests' hashes of checkpoints of earlier versions, which had none; returns how many."""
    with hold.database.session() as session:
        unknown = select(CheckpointRow).where(CheckpointRow.manifest_digest.is_(None), CheckpointRow.removed.is_(False))
        rows = list(session.scalars(unknown))
    noted = 0
    for row in rows:
        try:
            digest = settings.checkpoints.read(row.folder, verify=False).digest
        except InvalidCheckpoint:
            continue  # who serves it says so
        with hold.transaction() as tx:
            tx.get_one(CheckpointRow, row.id).manifest_digest = digest
        noted += 1
    return noted


def _served(session: Session) -> set[int | None]:
    """What the generations of today hold, and what a web process that is just swapping may still hold."""
    members = select(Generation.members).where(_in_use(session))
    return {number for found in session.scalars(members) for number in found.values()}


def _in_use(session: Session) -> ColumnElement[bool]:
    names = {name for serving in session.scalars(select(Server.serving)) for name in serving.values()}
    current, answering = (
        select(column).where(column.is_not(None)) for column in (Project.generation_id, Project.answering_id)
    )
    return or_(Generation.id.in_(current), Generation.id.in_(answering), Generation.name.in_(names))


def _old_generations(session: Session) -> list[str]:
    """Beyond the latest of each project: not served, and their suggestions are taken away from the tool."""
    place = func.row_number().over(partition_by=Generation.project_id, order_by=Generation.id.desc())
    placed = select(Generation.id, place.label("place")).subquery()
    old = select(placed.c.id).where(placed.c.place > KEPT_GENERATIONS)
    query = select(Generation.name).where(Generation.id.in_(old), Generation.retired, ~_in_use(session))
    return list(session.scalars(query))


def _forget_generations(tx: Session, names: Iterable[str]) -> None:
    for piece in sliced(names):
        tx.execute(delete(Backfill).where(Backfill.generation.in_(piece)))
        tx.execute(delete(Generation).where(Generation.name.in_(piece)))


def _gone_impressions(session: Session) -> list[int]:
    query = (
        select(Impression.id)
        .join(ExampleRow, (ExampleRow.project_id == Impression.project_id) & (ExampleRow.key == Impression.example_key))
        .where(ExampleRow.gone, Impression.shown_at < now() - KEPT_IMPRESSIONS)
    )
    return list(session.scalars(query.limit(10_000)))
