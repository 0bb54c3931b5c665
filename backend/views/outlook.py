"""What a question's rounds scored so far, and how many labels a score still takes by that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, QuestionRow, Round, RoundState
from labelwheel.training.spec import Recipe

MOST = 50
"""So many of the newest rounds."""

Scores = list[dict[str, Any]]
Fixed = tuple[tuple[int, float, float, float], ...]


def scores(session: Session, question: QuestionRow, champions: Sequence[CheckpointRow]) -> Scores:
    """The score of each round's challenger, promoted or not, after so many labels, the fewest first.

    Of rounds after as many labels the newest; `champions` are the question's checkpoints. Rounds of earlier versions
    have kept none, and what was promoted speaks for them.
    """
    query = select(Round).where(
        Round.question_id == (question.home_id or question.id), Round.recipe == Recipe.AUTO, Round.score.is_not(None)
    )
    rounds = session.scalars(query.order_by(Round.id.desc()).limit(MOST)).all()
    known: list[CheckpointRow | Round] = [*sorted(champions, key=lambda row: row.id), *reversed(rounds)]
    found = {}
    for each in known:
        if each.score is not None and each.low is not None and each.high is not None:
            values = {"score": each.score, "low": each.low, "high": each.high}
            found[each.label_count] = {"labels": each.label_count, **values}
    return [found[labels] for labels in sorted(found)]


class Learnt(NamedTuple):
    """Scores by which the next labels are foretold, the fewest labels first, where there are so many labels in all."""

    scores: Scores
    labels: int | None


def learnt(session: Session, question: QuestionRow, measured: Scores) -> Learnt:
    """The learning curve of the newest round, where it has drawn one, or what rounds `measured` one after the other.

    Each point of the former is measured on all labels but those that it knows; a round is measured on a fifth of them,
    or on fifty.
    """
    query = select(Round.learning_curve, Round.label_count).where(
        Round.question_id == (question.home_id or question.id),
        Round.recipe == Recipe.AUTO,
        Round.state.in_((RoundState.PROMOTED, RoundState.REJECTED)),
    )
    newest = session.execute(query.order_by(Round.id.desc()).limit(1)).first()
    if newest is None or newest.learning_curve is None:
        return Learnt(measured, None)
    return Learnt(newest.learning_curve, newest.label_count)


def outlook(known: Learnt, target: float) -> dict[str, Any]:
    """`training.evaluation.forecast` on them, as JSON."""
    return dict(_outlook(_fixed(known.scores), target, known.labels))


def curve(known: Learnt, places: Sequence[int]) -> list[dict[str, Any]]:
    """The curve by which `outlook` goes, after so many labels each; empty where nothing can be said."""
    return list(_curve(_fixed(known.scores), tuple(places), known.labels))


def _fixed(scores: Scores) -> Fixed:
    return tuple((row["labels"], row["score"], row["low"], row["high"]) for row in scores)


# both need NumPy, which a process that only answers people's commands does not have at its start
@lru_cache(maxsize=256)
def _outlook(scores: Fixed, target: float, labels: int | None) -> dict[str, Any]:
    from labelwheel.training.evaluation.forecast import Point, forecast

    return forecast([Point.of(*row) for row in scores], target, labels=labels).model_dump(mode="json")


@lru_cache(maxsize=256)
def _curve(scores: Fixed, places: tuple[int, ...], labels: int | None) -> list[dict[str, Any]]:
    from labelwheel.training.evaluation import forecast

    fitted = forecast.curve([forecast.Point.of(*row) for row in scores], places, labels=labels)
    return [each.model_dump(mode="json") for each in fitted]
