"""How a question is learnt: its scores, where they lead, and what people did. Scores and rates are in [0, 1]."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Text, cast, func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Event, Label, Project, QuestionRow, Round, RoundState
from labelwheel.backend.projects import champion_groups
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import acceptance, anchoring, order_gain, outlook
from labelwheel.backend.views.remembered import Remembered
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Question
from labelwheel.training.spec import Recipe

ROUNDS = 200
"""So many of the newest rounds are shown; so many checkpoints, too."""
VERSIONS = 50
LABELS = 20_000
"""So many of the newest labels are counted: as many as there may be different answers, where they are spans."""
VALUES = 12
_BINS = 24
_PLACES = 25
_SIZES = (10, 20, 50, 100, 200, 500, 1000)

_kept = Remembered[dict[str, Any]]()


def body() -> type[BaseModel]:
    """The model of what `learning` says, which is imported only when somebody wants it described."""
    from labelwheel.backend.views.learning_body import Learning

    return Learning


def learning(session: Session, settings: Settings, project: Project, question: QuestionRow) -> dict[str, Any]:
    """What the page of a question's learning shows; `learning_body` says what is in it."""
    checkpoints = champion_groups.checkpoints(session, question)[:ROUNDS]
    known = outlook.learnt(session, question, outlook.scores(session, question, checkpoints))
    told = anchoring.read(session, project, lambda: order_gain.by_lot(session, project, settings.order, settings.blind))
    foreseen = outlook.outlook(known, settings.target)
    return {
        "question": question.name,
        "rounds": _rounds(session, question, checkpoints),
        "outlook": foreseen,
        "curve": outlook.curve(known, _places(_end(foreseen))),
        "fewer_labels": [] if known.labels is None else known.scores,
        "acceptance": acceptance.by_version(session, project.id).get(question.name, [])[-VERSIONS:],
        "seconds": told["seconds"],
        "mix": _mix(session, question),
    }


def _rounds(session: Session, question: QuestionRow, checkpoints: list[Any]) -> list[dict[str, Any]]:
    """Each challenger that has a score, the oldest first; one of an earlier release by its checkpoint."""
    query = select(Round).where(Round.question_id == (question.home_id or question.id))
    query = query.where(Round.state.in_((RoundState.PROMOTED, RoundState.REJECTED)))
    rounds = {each.version: each for each in session.scalars(query.order_by(Round.id.desc()).limit(ROUNDS))}
    promoted = {each.version: each for each in checkpoints}
    found = []
    for version in {**rounds, **promoted}:
        row, kept = rounds.get(version), promoted.get(version)
        speaks = row if row is not None and row.score is not None else kept
        if speaks is None or speaks.score is None:
            continue
        at = (row.ended_at if row else None) or (kept.created_at if kept else None)
        found.append(
            {
                "round": row.id if row else None,
                "version": version,
                "state": row.state if row else RoundState.PROMOTED,
                "recipe": speaks.recipe,
                "labels": speaks.label_count if speaks.recipe != Recipe.NAMES else 0,
                "score": speaks.score,
                "low": speaks.low,
                "high": speaks.high,
                "at": at.isoformat() if at else None,
            }
        )
    return sorted(found, key=lambda each: (each["at"] or "", each["version"]))


def _end(foreseen: dict[str, Any]) -> int:
    """How far the curve is drawn: to where the target is met, but no further than thrice the labels so far."""
    labels = foreseen["labels"]
    needed = (foreseen["needed"] or {}).get("median") or 0
    return int(max(labels + foreseen["more"], min(1.1 * needed, 3 * labels)))


def _places(end: int) -> list[int]:
    return sorted({round(end * place / (_PLACES - 1)) for place in range(_PLACES)})


def _mix(session: Session, question: QuestionRow) -> dict[str, Any]:
    # a deletion is an event, too
    about = (Event.project_id == question.project_id, Event.question == question.name)
    mark = session.scalar(select(func.max(Event.id)).where(*about)) or 0
    return _kept.get(session, question.id, lambda: _count(session, question), mark)


def _count(session: Session, question: QuestionRow) -> dict[str, Any]:
    """Current labels by value, in the order in which they were given, in bins of `size` labels."""
    newest = (
        select(cast(Label.answer, Text).label("answer"), Label.event_id, Label.made_at)
        .where(Label.project_id == question.project_id, Label.question == question.name)
        .order_by(Label.event_id.desc())
        .limit(LABELS)
        .subquery()
    )
    total = session.scalar(select(func.count()).select_from(newest)) or 0
    size = next((each for each in _SIZES if total <= each * _BINS), _SIZES[-1])
    ranked = select(
        newest.c.answer, newest.c.made_at, func.row_number().over(order_by=newest.c.event_id).label("place")
    ).subquery()
    place = ((ranked.c.place - 1) - (ranked.c.place - 1) % size).label("start")
    rows = session.execute(
        select(ranked.c.answer, place, func.count(), func.min(ranked.c.made_at), func.max(ranked.c.made_at)).group_by(
            ranked.c.answer, place
        )
    )
    spec = Question.model_validate(question.spec)
    kind = kind_of(spec)
    bins: dict[int, dict[str, Any]] = {}
    counts: dict[int, Counter[str]] = {}
    for answer, start, count, first, last in rows:
        one = bins.setdefault(start, {"first": first, "last": last, "labels": 0})
        one["first"], one["last"] = min(one["first"], first), max(one["last"], last)
        one["labels"] += count
        for value in kind.labels(spec, json.loads(answer)):
            counts.setdefault(start, Counter())[value] += count
    values = [value for value, _ in sorted(sum(counts.values(), Counter()).items(), key=lambda each: (-each[1], each))]
    kept, left = values[:VALUES], set(values[VALUES:])
    return {
        "size": size,
        "most": total == LABELS,
        "values": kept,
        "others": len(left),
        "bins": [
            {
                "labels": bins[start]["labels"],
                "until": start + bins[start]["labels"],
                "first": bins[start]["first"].isoformat(),
                "last": bins[start]["last"].isoformat(),
                "counts": [counts.get(start, Counter())[value] for value in kept],
                "others": sum(counts.get(start, Counter())[value] for value in left),
            }
            for start in sorted(bins)
        ],
    }
