"""What a question's rounds scored so far, and how many labels a score still takes by that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, QuestionRow, Round
from labelwheel.training.spec import Recipe

MOST = 50
"""So many of the newest rounds."""

Scores = list[dict[str, Any]]


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


def outlook(measured: Scores, target: float) -> dict[str, Any]:
    """`training.evaluation.forecast` on them, as JSON."""
    return dict(_outlook(tuple((row["labels"], row["score"], row["low"], row["high"]) for row in measured), target))


@lru_cache(maxsize=256)
def _outlook(measured: tuple[tuple[int, float, float, float], ...], target: float) -> dict[str, Any]:
    # its curves need NumPy, which a process that only answers people's commands does not have at its start
    from labelwheel.training.evaluation.forecast import Point, forecast

    return forecast([Point.of(*row) for row in measured], target).model_dump(mode="json")
