"""The trials of a search as rows: each change is one transaction, so that no half of it is ever seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from labelwheel.backend.database.tables import (
    QuestionRow,
    TrialRole,
    TrialRow,
    TrialState,
    TuningRow,
    TuningState,
    now,
)
from labelwheel.backend.errors import Conflict
from labelwheel.backend.rounds.data import Written
from labelwheel.backend.settings import Settings
from labelwheel.backend.tuning import conclusion, optimizer, plan
from labelwheel.backend.tuning.fidelities import LAST
from labelwheel.backend.tuning.optimizer import Seen
from labelwheel.backend.tuning.space import Space
from labelwheel.backend.tuning.tuning_rows import active
from labelwheel.training.questions import Question
from labelwheel.training.spec import Tuned
from labelwheel.training.tuning.figures import Measured, TrialFigures
from labelwheel.training.tuning.verdict import Verdict


class Noted(NamedTuple):
    """What is kept of a trial's figures at its rung; `problem` where there are none. `more` are the defaults' all."""

    problem: str | None = None
    measured: Measured | None = None
    pruning: optimizer.Pruning | None = None
    importances: Mapping[str, float] | None = None
    figures: TrialFigures | None = None


def of(session: Session, tuning_id: int, losses: bool = False) -> list[TrialRow]:
    """The trials of a search, in order."""
    query = select(TrialRow).where(TrialRow.tuning_id == tuning_id).order_by(TrialRow.number)
    return list(session.scalars(query.options(undefer(TrialRow.losses)) if losses else query))


def begin(tx: Session, tuning_id: int, written: Written | None, settings: Settings) -> None:
    """The search is under way: the defaults come first."""
    tuning = active(tx, tuning_id)
    tuning.state, tuning.started_at = TuningState.RUNNING, tuning.started_at or now()
    if written is not None:
        tuning.label_count, tuning.last_event_id = written.examples, written.last_event_id
    tx.add(TrialRow(tuning_id=tuning_id, number=0, role=TrialRole.DEFAULTS, rung=LAST, seed=settings.seed))


def propose(session: Session, tuning: TuningRow, seed: int) -> dict[str, Any]:
    """The parameters of the next trial."""
    _, seen = _seen(of(session, tuning.id))
    return optimizer.propose(_space(tuning), seen, _name(tuning), seed)


def add(tx: Session, tuning_id: int, params: dict[str, Any], seed: int) -> None:
    """One trial more."""
    tuning = active(tx, tuning_id)
    settings = _space(tuning).settings(params).model_dump(mode="json")
    number = len(of(tx, tuning_id))
    tx.add(
        TrialRow(tuning_id=tuning_id, number=number, role=TrialRole.SEARCH, params=params, settings=settings, seed=seed)
    )


def anew(tx: Session, tuning_id: int, numbers: Sequence[int], seed: int) -> None:
    """The defaults and the best, each several times on fresh folds."""
    active(tx, tuning_id)
    rows = of(tx, tuning_id)
    usual = plan.defaults(rows)
    assert usual is not None
    number = len(rows)
    for repeat in range(1, plan.REPEATS + 1):
        for one in (usual.number, *numbers):
            tx.add(
                TrialRow(
                    tuning_id=tuning_id, number=number, role=TrialRole.ANEW, rung=LAST, of=one,
                    settings=rows[one].settings, seed=seed + repeat * plan.FRESH_SEED,
                )
            )  # fmt: skip
            number += 1


def running(tx: Session, tuning_id: int, numbers: Sequence[int], fence: int, launcher: str) -> None:
    """A job is about to measure these."""
    tuning = active(tx, tuning_id)
    tuning.fence, tuning.launcher = fence, launcher
    for number in numbers:
        row = _trial(tx, tuning_id, number)
        row.state, row.attempts = TrialState.RUNNING, row.attempts + 1


def noted(session: Session, tuning: TuningRow, number: int, found: TrialFigures | str) -> Noted:
    """What is to be kept of a trial: the pruner is asked here, which takes no lock."""
    if isinstance(found, str):
        return Noted(problem=found)
    if not found.measured:
        return Noted(problem=found.problem or "nothing could be measured")
    rows = of(session, tuning.id)
    row = rows[number]
    if row.role != TrialRole.SEARCH:
        return Noted(measured=found.measured[0], figures=found)
    measured = found.measured[0]
    values = {**row.values, str(row.rung): measured.value}
    row.values, row.state = values, TrialState.COMPLETE if row.rung == LAST else TrialState.RUNNING
    places, seen = _seen(rows)
    space, name = _space(tuning), _name(tuning)
    if row.rung == LAST:
        return Noted(measured=measured, importances=optimizer.importances(space, seen, name))
    pruning = optimizer.prunes(space, seen, places.index(number), name)
    whole = _whole(session, tuning)
    if conclusion.behind(whole, of(session, tuning.id, losses=True), row, measured.losses):
        pruning = pruning._replace(over=True)
    return Noted(measured=measured, pruning=pruning)


def keep(tx: Session, tuning_id: int, number: int, found: Noted, settings: Settings) -> None:
    """Notes what a trial has come to."""
    tuning, row = active(tx, tuning_id, over=True), _trial(tx, tuning_id, number)
    if found.measured is None:
        row.state, row.detail = TrialState.FAILED, (found.problem or "")[:2000]
        return
    if row.number == 0 and found.figures is not None:
        _keep_defaults(tx, tuning, row, found.figures, settings)
        return
    _measured(row, found.measured)
    row.state = TrialState.COMPLETE
    if found.importances is not None:
        tuning.importances = dict(found.importances)
    if found.pruning is not None:
        row.notes, row.attempts = found.pruning.notes, 0
        row.state = TrialState.PRUNED if found.pruning.over else TrialState.WAITING
        row.rung += not found.pruning.over


def give_up(tx: Session, tuning_id: int, number: int, reason: str | None, counted: bool = True) -> None:
    """A trial has left nothing: it failed for a `reason`, or waits for another job, one attempt less if `counted`."""
    if (row := tx.get(TrialRow, (tuning_id, number), with_for_update=True)) is None or row.state != TrialState.RUNNING:
        return
    row.state = TrialState.WAITING if reason is None else TrialState.FAILED
    row.detail = row.detail if reason is None else reason[:2000]
    row.attempts -= not counted


def _keep_defaults(tx: Session, tuning: TuningRow, row: TrialRow, figures: TrialFigures, settings: Settings) -> None:
    """What a round would try is known: the search begins with it, and needs the chosen one at the lower rungs too."""
    question = Question.model_validate(tx.get_one(QuestionRow, tuning.question_id).spec)
    space = Space.of(settings, question, [each.strategy for each in figures.measured])
    tuning.space, tuning.groups = space.model_dump(mode="json"), figures.groups
    row.state, row.detail = TrialState.COMPLETE, figures.chosen or figures.measured[0].strategy
    number = 1
    for each in figures.measured:
        params = space.usual(each.strategy)
        usual = TrialRow(
            tuning_id=tuning.id, number=number, role=TrialRole.SEARCH, rung=LAST, of=0, state=TrialState.COMPLETE,
            params=params, settings=space.settings(params).model_dump(mode="json"), seed=row.seed, values={},
        )  # fmt: skip
        _measured(usual, each)
        tx.add(usual)
        if each.strategy == row.detail:
            row.values, row.score, row.seconds = dict(usual.values), usual.score, usual.seconds
        number += 1
    chosen = Tuned(strategy=row.detail).model_dump(mode="json")
    for rung in range(LAST):
        tx.add(
            TrialRow(
                tuning_id=tuning.id, number=number, role=TrialRole.DEFAULTS, rung=rung, seed=row.seed, settings=chosen
            )
        )
        number += 1


def _measured(row: TrialRow, measured: Measured) -> None:
    row.values = {**row.values, str(row.rung): measured.value}
    row.losses = {key: list(pair) for key, pair in measured.losses.items()}
    row.score, row.detail = measured.score, measured.detail[:2000]
    row.seconds = round((row.seconds or 0.0) + measured.seconds, 1)


def _seen(rows: Sequence[TrialRow]) -> tuple[list[int], list[Seen]]:
    """The trials of the search, as the optimizer has them, and their numbers."""
    searched = [row for row in rows if row.role == TrialRole.SEARCH]
    seen = [
        Seen(row.params, row.state, {int(rung): value for rung, value in row.values.items()}, row.notes)
        for row in searched
    ]
    return [row.number for row in searched], seen


def _space(tuning: TuningRow) -> Space:
    return Space.model_validate(tuning.space)


def _name(tuning: TuningRow) -> str:
    return f"tuning-{tuning.id}"


def _trial(tx: Session, tuning_id: int, number: int) -> TrialRow:
    row = tx.get(TrialRow, (tuning_id, number), populate_existing=True, with_for_update=True)
    if row is None:
        raise Conflict(f"trial {number} of search {tuning_id} is gone")
    return row


def verdict(session: Session, tuning: TuningRow, seed: int) -> tuple[Verdict, dict[str, Any] | None]:
    """What comes of a search, and the settings that this is about."""
    found, best = conclusion.conclude(_whole(session, tuning), of(session, tuning.id, losses=True), seed)
    return found, None if best is None else best.settings


def _whole(session: Session, tuning: TuningRow) -> TuningRow:
    return session.scalars(select(TuningRow).where(TuningRow.id == tuning.id).options(undefer(TuningRow.groups))).one()
