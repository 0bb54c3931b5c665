"""How searches for better settings stand, what they have tried, and what came of them. Times are in seconds."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import (
    SEARCHING,
    QuestionRow,
    Round,
    TrialRole,
    TrialRow,
    TrialState,
    TuningRow,
)
from labelwheel.backend.projects import champion_groups
from labelwheel.training.spec import Tuned

SEARCHES, TRIALS = 20, 500
"""So many of the newest searches are told, and so many trials of the latest."""

_SEARCH = (
    "id", "state", "budget", "spent", "most_trials", "label_count", "reason", "verdict", "importances", "round_id",
)  # fmt: skip
_TRIAL = ("number", "role", "state", "rung", "of", "score", "seconds", "detail")


def body() -> type[BaseModel]:
    """The model of what `read` says, which is imported only when somebody wants it described."""
    from labelwheel.backend.views.tuning_body import Tuning

    return Tuning


def read(session: Session, question: QuestionRow) -> dict[str, Any]:
    """The searches of a question, or of the one whose champion it shares, the newest first; trials of the latest."""
    home = champion_groups.home(session, question)
    query = select(TuningRow).where(TuningRow.question_id == home.id).order_by(TuningRow.id.desc()).limit(SEARCHES)
    rows = list(session.scalars(query))
    return {
        "question": question.name,
        "tuned": _settings(home.tuned),
        "searches": [_search(session, row) for row in rows],
        "trials": _trials(session, rows[0]) if rows else [],
    }


def brief(session: Session, question: QuestionRow) -> dict[str, Any]:
    """For `status`: the settings in force, and the search that is under way or was the last."""
    home = champion_groups.home(session, question)
    query = select(TuningRow).where(TuningRow.question_id == home.id).order_by(TuningRow.id.desc()).limit(1)
    row = session.scalars(query).first()
    return {"tuned": _settings(home.tuned), "search": None if row is None else _search(session, row)}


def markdown(session: Session, question: QuestionRow) -> str:
    """The latest search as a section of a report; empty where there was none."""
    told = read(session, question)
    if not told["searches"]:
        return ""
    latest = told["searches"][0]
    lines = ["## Search for better settings", ""]
    lines.append(f"{latest['counted']} trials in {latest['spent']:.0f} s of jobs, on {latest['label_count']} labels.")
    if latest["reason"]:
        lines.append(f"{latest['reason'][:1].upper()}{latest['reason'][1:]}.")
    lines.append(f"Rounds learn by: {told['tuned']['words'] if told['tuned'] else 'the defaults'}.")
    if latest["importances"]:
        lines += ["", "| setting | what it matters |", "| --- | --- |"]
        lines += [f"| {_cell(name)} | {share:.0%} |" for name, share in latest["importances"].items() if share >= 0.005]
    tried = [row for row in told["trials"] if row["value"] is not None]
    if tried:
        lines += ["", "| trial | settings | rung | score | loss | became |", "| --- | --- | --- | --- | --- | --- |"]
        lines += [
            f"| {row['number']} | {_cell(row['settings'] or 'the defaults')} | {row['rung'] + 1} "
            f"| {'' if row['score'] is None else format(row['score'], '.3f')} | {row['value']:.3f} | {row['became']} |"
            for row in tried
        ]
    return "\n".join(lines)


def _search(session: Session, row: TuningRow) -> dict[str, Any]:
    counted = (
        select(func.count())
        .select_from(TrialRow)
        .where(TrialRow.tuning_id == row.id, TrialRow.role == TrialRole.SEARCH, TrialRow.state != TrialState.WAITING)
    )
    found = None if row.round_id is None else session.get(Round, row.round_id)
    active = row.state in SEARCHING
    times = {name: getattr(row, name) for name in ("created_at", "started_at", "ended_at")}
    return {name: getattr(row, name) for name in _SEARCH} | {
        "tuned": _settings(row.tuned),
        "counted": session.scalar(counted) or 0,
        "progress": min(1.0, row.spent / row.budget) if active and row.budget else 1.0,
        "seconds_left": max(0.0, row.budget - row.spent) if active else None,
        "round_state": None if found is None else found.state,
        **{name: moment.isoformat() if moment else None for name, moment in times.items()},
    }


def _trials(session: Session, row: TuningRow) -> list[dict[str, Any]]:
    query = select(TrialRow).where(TrialRow.tuning_id == row.id).order_by(TrialRow.number).limit(TRIALS)
    return [_trial(each) for each in session.scalars(query)]


def _trial(row: TrialRow) -> dict[str, Any]:
    last = max(map(int, row.values), default=None)
    settings = _settings(row.settings)
    return {name: getattr(row, name) for name in _TRIAL} | {
        "settings": None if settings is None else settings["words"],
        "value": None if last is None else row.values[str(last)],
        "became": "measured anew" if row.role == TrialRole.ANEW and row.state == TrialState.COMPLETE else row.state,
    }


def _settings(found: dict[str, Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"words": str(Tuned.model_validate(found)), "settings": found}


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
