"""What people can ask of searches: start one, stop one, go back to the defaults."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import SEARCHING, CheckpointRow, QuestionRow, TuningRow, TuningState, now
from labelwheel.backend.errors import Conflict, NotFound
from labelwheel.backend.projects import champion_groups, pipeline_orders, projects
from labelwheel.backend.rounds import label_counts
from labelwheel.training.questions import Question

LEAST_LABELS = 50
"""With fewer labels of the training side no gain could be told from noise."""


def order(
    tx: Session,
    question_id: int,
    budget: float,
    trials: int | None = None,
    by: str = "someone",
    hold: float | None = None,
    run: str | None = None,
) -> TuningRow:
    """Queues a search of so many seconds of jobs, for all that share the question.

    `hold` and `run` are for the round that it may order (`round_commands.order`); a `run` that asks again is given its
    search, unless that failed.

    Raises NotFound, and Conflict where one is active, no project that asks the question is connected, or the labels do
    not suffice to tell a gain from noise.
    """
    question, project = projects.lock_question(tx, question_id)
    if not question.active:
        raise Conflict(f"question {question.name!r} is not asked any more; there is nothing to tune")
    if not champion_groups.live(tx, question):
        raise Conflict(f"project {project.title or project.id} is {project.state}; connect it first")
    question = champion_groups.home(tx, question)
    known = pipeline_orders.latest(tx, TuningRow, question, run)
    if known is not None and known.state != TuningState.FAILED:
        return known
    champion = None if question.champion_id is None else tx.get(CheckpointRow, question.champion_id)
    labels = label_counts.take(tx, question, champion_groups.members(tx, question), champion).sufficiency
    if labels.trainable < LEAST_LABELS:
        left = LEAST_LABELS - labels.trainable
        raise Conflict(
            f"question {question.name!r} has {labels.trainable} labels to learn from, a search takes {LEAST_LABELS}: "
            f"label at least {left} more"
        )
    found = TuningRow(
        project_id=question.project_id, question_id=question.id, budget=budget, most_trials=trials,
        digest=Question.model_validate(question.spec).digest, hold=hold, run=run,
    )  # fmt: skip
    try:
        with tx.begin_nested():
            tx.add(found)
    except IntegrityError:
        raise Conflict(
            f"a search for question {question.name!r} is under way already; wait for it, or end it with "
            "`labelwheel tune --cancel`"
        ) from None
    tx.flush()
    limit = f" and at most {trials} trials" if trials else ""
    champion_groups.decide(tx, question, "tuning", f"{by} asked for better settings, in {_span(budget)}{limit}")
    return found


def cancel(tx: Session, tuning_id: int, reason: str = "it was cancelled") -> TuningRow:
    """Ends a search now; the worker stops its job within seconds. Raises NotFound, and Conflict where it has ended."""
    found = tx.get(TuningRow, tuning_id)
    if found is None:
        raise NotFound(f"there is no search {tuning_id}")
    question, _ = projects.lock_question(tx, found.question_id)
    tx.refresh(found, with_for_update=True)
    if found.state not in SEARCHING:
        raise Conflict(f"search {tuning_id} has ended already: {found.state}")
    found.state, found.reason, found.ended_at = TuningState.CANCELLED, reason, now()
    champion_groups.decide(tx, question, "tuning ended", f"{reason}; nothing changes", {"tuning": found.id})
    return found


def close_run(tx: Session, question_id: int, run: str, reason: str) -> TuningRow | None:
    """Ends what a run of a pipeline searches for, and forgets that it was its; None where nothing."""
    question, _ = projects.lock_question(tx, question_id)
    found = pipeline_orders.latest(tx, TuningRow, question, run)
    if found is None or found.state not in SEARCHING:
        return None
    cancelled = cancel(tx, found.id, reason)
    cancelled.run = None
    return cancelled


def forget(tx: Session, question_id: int, by: str = "someone") -> bool:
    """Has later rounds learn by the defaults again; False where they do. What is served stays until one is promoted."""
    asked, _ = projects.lock_question(tx, question_id)
    question = champion_groups.home(tx, asked)
    if question.tuned is None:
        return False
    question.tuned = None
    champion_groups.decide(tx, question, "tuning forgotten", f"{by} asked for the defaults in later rounds")
    return True


def active(session: Session, question: QuestionRow) -> TuningRow | None:
    """The search that is under way."""
    query = select(TuningRow).where(TuningRow.question_id == (question.home_id or question.id))
    return session.scalars(query.where(TuningRow.state.in_(SEARCHING))).first()


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s of jobs" if seconds < 120 else f"{seconds / 60:.0f} min of jobs"
