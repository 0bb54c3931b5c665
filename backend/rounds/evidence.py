"""What the policy looks at: how many new labels there are, how the last rounds went, what is served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend import clock
from labelwheel.backend.database.tables import ACTIVE, CheckpointRow, Event, QuestionRow, Round, RoundState
from labelwheel.backend.projects import champion_groups
from labelwheel.backend.rounds import label_counts
from labelwheel.backend.rounds.policy import Evidence, threshold
from labelwheel.backend.settings import Settings
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Question
from labelwheel.training.spec import Recipe

_LOOK_BACK = 20


class Facts(NamedTuple):
    """Evidence but for what the clock decides, and the moments that it is the age of; None where there is none."""

    evidence: Evidence
    newest: datetime | None
    reached: datetime | None
    failed: datetime | None
    names_failed: datetime | None

    def present(self) -> Evidence:
        """The evidence of this moment."""
        return replace(
            self.evidence,
            newest=None if self.newest is None else clock.age(self.newest),
            reached=None if self.reached is None else clock.age(self.reached),
            failed=clock.age(self.failed) if self.failed else 0.0,
            names_failed=clock.age(self.names_failed) if self.names_failed else 0.0,
        )


def gather(session: Session, question: QuestionRow, settings: Settings) -> Evidence:
    """The evidence about one question, of this moment: that of all that share it."""
    return read(session, question, settings).present()


def read(session: Session, question: QuestionRow, settings: Settings) -> Facts:
    """What the evidence about one question is made of; it stays true as long as `evidence_mark.read` says the same.

    The question is read again with all else: of a moment before, its champion beside the rounds of now would say that
    nothing is served where a round has just been promoted.
    """
    question = session.get_one(QuestionRow, question.id)
    question, shared = champion_groups.home(session, question), champion_groups.members(session, question)
    spec = Question.model_validate(question.spec)
    champion = None if question.champion_id is None else session.get(CheckpointRow, question.champion_id)
    rounds = list(
        session.scalars(
            select(Round).where(Round.question_id == question.id).order_by(Round.id.desc()).limit(_LOOK_BACK)
        )
    )
    decided = champion_groups.decided(session, question)
    trained = decided.label_count if decided else None
    needed = threshold(trained, question.pinned, settings)
    labels = label_counts.take(session, question, shared, champion)
    last = (decided.last_event_id, decided.started_at) if decided else (0, None)
    new = labels.newer(label_counts.since(question, shared, *last))
    failures, failed = _failures([found for found in rounds if found.recipe == Recipe.AUTO])
    names_failures, names_failed = _failures([found for found in rounds if found.recipe == Recipe.NAMES])
    evidence = Evidence(
        named=kind_of(spec).named,
        active=any(found.state in ACTIVE for found in rounds),
        champion=champion.recipe if champion else None,
        outdated=champion is not None and champion.digest != spec.digest,
        tried=any(found.digest == spec.digest and found.state not in ACTIVE for found in rounds),
        trained=trained,
        total=labels.sufficiency.trainable + labels.sufficiency.held_out,
        new=len(new),
        varied=labels.varied,
        problem=labels.sufficiency.problem,
        pinned=question.pinned,
        failures=failures,
        names_failures=names_failures,
    )
    newest = _recorded(session, new[-1]) if new else None
    reached = _recorded(session, new[needed - 1]) if len(new) >= needed else None
    return Facts(evidence, newest, reached, failed, names_failed)


def usable(session: Session, question: QuestionRow) -> int:
    """On how many of the labelled examples of its own project something can be learnt or measured."""
    return _census(session, question).usable[question.id]


def problem(session: Session, question: QuestionRow) -> str | None:
    """Why no round on labels can start that could be promoted, whoever asks for it."""
    return _census(session, question).sufficiency.problem


def _census(session: Session, question: QuestionRow) -> label_counts.Census:
    question, shared = champion_groups.home(session, question), champion_groups.members(session, question)
    champion = None if question.champion_id is None else session.get(CheckpointRow, question.champion_id)
    return label_counts.take(session, question, shared, champion)


def _recorded(session: Session, event: int) -> datetime | None:
    found = session.get(Event, event)
    return None if found is None else found.recorded_at


def _failures(rounds: Sequence[Round]) -> tuple[int, datetime | None]:
    """How many of the latest rounds failed in a row, and when the last one did."""
    count, last = 0, None
    for found in rounds:
        if found.state in (RoundState.PROMOTED, RoundState.REJECTED):
            break
        if found.state == RoundState.FAILED:
            count, last = count + 1, last or found.ended_at
    return count, last
