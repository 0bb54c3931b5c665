"""Which checkpoints are kept: those in use, and the latest few to go back to. The others make room."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.ledger.lease import Hold
from backend.ledger.tables import ACTIVE, CheckpointRow, Generation, Project, QuestionRow, Round, Server
from backend.rounds import jobs
from backend.settings import Settings


def tidy(hold: Hold, settings: Settings) -> None:
    """Marks what is not kept any more, then clears it away; what a kill leaves over goes with the next call."""
    with hold.transaction() as tx:
        for question in tx.scalars(select(QuestionRow)):
            for row in superfluous(tx, question, settings.keep_checkpoints):
                row.removed = True
        tx.flush()
        known = set(tx.scalars(select(CheckpointRow.version).where(CheckpointRow.removed.is_(False))))
        ended = set(tx.scalars(select(Round.version).where(Round.state.not_in(ACTIVE))))
    jobs.tidy(settings, known, ended)


def superfluous(session: Session, question: QuestionRow, keep: int) -> list[CheckpointRow]:
    """The checkpoints of a question that nobody needs: not served, not the champion's parent, not among the latest."""
    query = select(CheckpointRow).where(CheckpointRow.question_id == question.id, CheckpointRow.removed.is_(False))
    rows = list(session.scalars(query.order_by(CheckpointRow.id.desc())))
    champion = next((row for row in rows if row.id == question.champion_id), None)
    needed = {champion.parent_id if champion else None} | _served(session)
    needed |= {row.id for row in [row for row in rows if not row.broken][:keep]}
    training = select(Round.champion_id).where(Round.state.in_(ACTIVE))
    needed |= set(session.scalars(training))
    return [row for row in rows if row.id not in needed]


def _served(session: Session) -> set[int | None]:
    """Every champion, also one that another question was left with, what the generations of today hold, and what a web
    process that is just swapping may still hold."""
    names = {name for server in session.scalars(select(Server)) for name in server.serving.values()}
    current = select(Project.generation_id).scalar_subquery()
    query = select(Generation.members).where(Generation.id.in_(current) | Generation.name.in_(names))
    champions = session.scalars(select(QuestionRow.champion_id))
    return {*champions, *(number for members in session.scalars(query) for number in members.values())}
