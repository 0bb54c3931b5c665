"""What saying nothing about a question means: "none of them" where it was asked by then, nothing at all before.

Nobody tells when a question was added. The ledger knows when it first saw it; an answer that is older shows that it was
asked then. Of what was there at the first connection it knows no beginning: one answer shows that it was asked always.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Decision, Project, QuestionRow
from labelwheel.backend.projects import decisions
from labelwheel.plugins.connector import Work

KIND = "left open"


class Silence:
    """The questions of one project, while a page is taken in."""

    def __init__(self, rows: Iterable[QuestionRow]) -> None:
        self._rows = {row.name: row for row in rows}

    def hear(self, works: Iterable[Work]) -> bool:
        """Learns from answers since when questions are asked; True where what was left open is to be read anew."""
        anew = False
        for work in works:
            for name in work.answers.keys() - set(work.silent):
                row = self._rows.get(name)
                if row is None or row.asked_since is None or work.updated_at >= row.asked_since:
                    continue
                if row.other_until is not None and work.updated_at <= row.other_until:
                    continue
                row.asked_since = None if row.asked_from_start else work.updated_at
                anew, row.left_open = anew or row.left_open, False
        return anew

    def says_none(self, name: str, work: Work) -> bool:
        """Whether work that is silent about a question says "none of them"; else notes that it was left open."""
        row = self._rows.get(name)
        if row is None or row.asked_since is None or work.updated_at >= row.asked_since:
            return True
        row.left_open = True
        return False


def tell(tx: Session, project: Project) -> None:
    """Says in the decision log, once for each question, which silence is left open."""
    query = select(QuestionRow).where(
        QuestionRow.project_id == project.id, QuestionRow.active, QuestionRow.left_open.is_(True)
    )
    told = select(Decision.id).where(Decision.project_id == project.id, Decision.kind == KIND)
    for row in tx.scalars(query.order_by(QuestionRow.id)).all():
        if row.asked_since is None or tx.scalar(told.where(Decision.question == row.name).limit(1)) is not None:
            continue
        moment = f"{row.asked_since:%Y-%m-%d %H:%M} UTC"
        if row.asked_from_start:
            reason = (
                f"nobody has answered it yet, and whether it was asked when older work was submitted cannot be known: "
                f"what was submitted before {moment} counts as unanswered, not as none of its options"
            )
        else:
            reason = (
                f"it was added about {moment}: what was submitted before does not say that none of its options fits"
            )
        decisions.decide(tx, project, row.name, KIND, reason)
