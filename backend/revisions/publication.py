"""Has newer heads served, or taken back: one transaction, so that no half of a revision is ever seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import HeadRow, QuestionRow, Revision
from labelwheel.backend.projects import champion_groups, generations, projects, version_names
from labelwheel.backend.revisions.light_gate import Verdict

KEPT = 3
"""Heads of a question: what is served, and what a web process may just be reading."""


@dataclass(frozen=True)
class Change:
    """A question's newer head, as bytes; None takes back the one that is served.

    It stands on the checkpoint `champion_id`. `verdict` is the gate's last one, and `turned` tells that it is another
    than the one before.
    """

    question_id: int
    champion_id: int
    content: bytes | None
    label_count: int
    last_event_id: int
    verdict: Verdict
    turned: bool


def publish(tx: Session, changes: Sequence[Change]) -> list[int]:
    """Serves the changes whose champion is still the one; returns their questions' ids."""
    found: dict[int, QuestionRow] = {}
    heads: dict[int, HeadRow | None] = {}
    for change in changes:
        question = tx.get_one(QuestionRow, change.question_id)
        projects.lock(tx, question.project_id)  # and with it all that share
        question = tx.get_one(QuestionRow, change.question_id, populate_existing=True)
        if question.champion_id != change.champion_id or not question.active:
            continue
        found[question.id] = question
        heads[question.id] = _head(tx, change)
    touched: dict[int, dict[str, int | None]] = {}
    for number, question in found.items():
        head = heads[number]
        for row in champion_groups.members(tx, question):
            touched.setdefault(row.project_id, {})[row.name] = head.id if head else None
    for number, members in touched.items():
        project = projects.get(tx, number)
        present = generations.revision(tx, project)
        whole = {**(present.members if present else {}), **members}
        made = generations.revise(tx, project, {name: head for name, head in whole.items() if head is not None})
        tx.execute(delete(Revision).where(Revision.project_id == number, Revision.id != (made.id if made else 0)))
    for change in changes:
        if change.question_id in found:
            _tell(tx, found[change.question_id], change)
            _tidy(tx, change.question_id)
    return list(found)


def _head(tx: Session, change: Change) -> HeadRow | None:
    if change.content is None:
        return None
    head = HeadRow(
        question_id=change.question_id,
        version=version_names.head(change.question_id, change.last_event_id),
        champion_id=change.champion_id,
        content=change.content,
        label_count=change.label_count,
        last_event_id=change.last_event_id,
        details=change.verdict._asdict(),
    )
    tx.add(head)
    tx.flush()
    return head


def _tell(tx: Session, question: QuestionRow, change: Change) -> None:
    """A line in the decision log where it begins or ends, not for each label."""
    if not change.turned:
        return
    kind = "revised" if change.content is not None else "revision withdrawn"
    details = {**change.verdict._asdict(), "labels": change.label_count}
    champion_groups.decide(tx, question, kind, change.verdict.reason, details)


def _tidy(tx: Session, question_id: int) -> None:
    """Old heads go; what a revision serves is the newest, or nothing."""
    newest = select(HeadRow.id).where(HeadRow.question_id == question_id).order_by(HeadRow.id.desc()).limit(KEPT)
    kept = list(tx.scalars(newest))
    tx.execute(delete(HeadRow).where(HeadRow.question_id == question_id, HeadRow.id.not_in(kept)))
