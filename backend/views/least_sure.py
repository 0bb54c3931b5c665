"""The examples that nobody has labelled yet, in the order in which they are proposed to people."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import and_, not_, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.slices import sliced
from labelwheel.backend.database.tables import ExampleRow, Project, QuestionRow
from labelwheel.backend.ledger import shown_order
from labelwheel.backend.ledger.blind_share import are_blind
from labelwheel.backend.ledger.open_examples import are_open
from labelwheel.backend.projects import connectors, projects
from labelwheel.backend.views.examples import SHOWN, brief
from labelwheel.plugins.capabilities import Ranks
from labelwheel.training.questions import Question

NO_ORDER = (
    "no order can be shown in this labelling tool, so none is made: label there in the order that the tool has, or "
    "look for examples by what was suggested in the list of all"
)
NOT_YET = (
    "nothing is ordered yet: an order is made once the suggestions of a version are filled in, which the overview "
    "shows; where nothing moves there, `labelwheel status` says what is missing"
)
NOTHING_LEFT = (
    "the last order has no example that is still to be labelled: the next one is made with the next version; where the "
    "tool has unlabelled examples with suggestions, `labelwheel connect` once more makes room for an order there"
)


def body() -> type[BaseModel]:
    """The model of what `read` gives, which is imported only when somebody wants it described."""
    from labelwheel.backend.views.least_sure_body import LeastSure

    return LeastSure


def read(
    session: Session, project: Project, row: QuestionRow, blind_share: float, told: bool, after: int = 0
) -> dict[str, Any]:
    """What `least_sure_body.LeastSure` says; texts are those that `row` asks about. Scores are in [0, 1].

    Blind examples have no place, nor has one that somebody has labelled since. Unless texts are to be `told`, of what
    is suggested only the values are that a question offers.
    """
    kept = shown_order.read(session, project.id)
    if kept is None:
        reason = NOT_YET if issubclass(connectors.load(project.tool), Ranks) else NO_ORDER
        return {"order": None, "made_at": None, "reason": reason, "left": 0, "next": None, "examples": []}
    open_ = _open(session, project.id, [each.key for each in kept.examples], blind_share)
    left = [(place, each) for place, each in enumerate(kept.examples, 1) if each.key in open_]
    following = [(place, each) for place, each in left if place > after]
    shown = following[:SHOWN]
    asked = {one.name: Question.model_validate(one.spec) for one in projects.questions(session, project.id)}
    texts = _texts(session, row, [each.key for _, each in shown]) if told else {}
    return {
        "order": kept.name,
        "made_at": kept.made_at.isoformat(),
        "reason": None if left else NOTHING_LEFT,
        "left": len(left),
        "next": shown[-1][0] if len(following) > SHOWN else None,
        "examples": [
            {
                "place": place,
                "key": each.key,
                "text": texts.get(each.key),
                "score": each.score,
                "suggested": _suggested(asked, each.answers, told),
            }
            for place, each in shown
        ],
    }


def _open(session: Session, project_id: int, keys: Collection[str], blind_share: float) -> set[str]:
    query = select(ExampleRow.key).where(*are_open(project_id), not_(and_(*are_blind(blind_share))))
    return {key for piece in sliced(keys) for key in session.scalars(query.where(ExampleRow.key.in_(piece)))}


def _texts(session: Session, row: QuestionRow, keys: Sequence[str]) -> dict[str, str]:
    question = Question.model_validate(row.spec)
    query = select(ExampleRow.key, ExampleRow.fields).where(ExampleRow.project_id == row.project_id)
    rows = session.execute(query.where(ExampleRow.key.in_(keys)))
    return {key: brief(question, fields) for key, fields in rows}


def _suggested(asked: dict[str, Question], answers: Sequence[str], told: bool) -> list[dict[str, str]]:
    """By question; what is said of a question that the project does not ask any more is left out."""
    found = []
    for answer in answers:
        name = max((name for name in asked if answer.startswith(f"{name} ")), key=len, default=None)
        value = answer[len(name) + 1 :] if name is not None else ""
        if name is not None and (told or value in asked[name].places):
            found.append({"question": name, "says": value})
    return found
