"""How far the people who label agree: beyond chance, on which classes, and each two of them.

From the current labels of examples that two or more people answered. How their answers become one to learn from is
another matter, see `labelwheel.training.kinds.agreement`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Label, Project, QuestionRow
from labelwheel.backend.projects import projects
from labelwheel.backend.views import annotators, shared_examples, wording
from labelwheel.backend.views.remembered import Remembered
from labelwheel.backend.views.shared_examples import NEWEST, Shared
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Question

LEAST = 20
"""Of fewer examples nothing is said: an interval from them would be nearly as wide as it can be."""

if TYPE_CHECKING:
    from labelwheel.training.evaluation.reliability import Agreed

_kept = Remembered[dict[str, Any]]()


def body() -> type[BaseModel]:
    """The model of what `read` says, which is imported only when somebody wants it described."""
    from labelwheel.backend.views.agreement_body import Agreement

    return Agreement


def brief(session: Session, project: Project) -> dict[str, Any]:
    """Alpha of each question that two or more people answered about the same examples; for `status`.

    Counted anew where there are newer labels, at most every half a minute.
    """
    newest = session.scalar(select(func.max(Label.event_id)).where(Label.project_id == project.id)) or 0
    return _kept.get(session, project.id, lambda: _briefly(session, project.id), newest)


def _briefly(session: Session, project_id: int) -> dict[str, Any]:
    found = {}
    for row in projects.questions(session, project_id):
        if shared := shared_examples.read(session, row):
            found[row.name] = _overall(Question.model_validate(row.spec), shared)
    return found


def read(
    session: Session,
    row: QuestionRow,
    named: bool,
    probabilities: Mapping[str, Sequence[float]] | None = None,
) -> dict[str, Any]:
    """What `agreement_body.Agreement` says of a question; annotators by their names where that is wished.

    With the model's `probabilities` out of fold, by example, it is one more voice about each annotator.
    """
    from labelwheel.backend.views import annotator_quality  # slow to load, as all that reckons here
    from labelwheel.training.evaluation.class_agreement import by_class

    question = Question.model_validate(row.spec)
    shared = shared_examples.read(session, row)
    called = annotators.names(session, row.project_id, named)
    enough = len(shared) >= LEAST
    given = [list(each.answers.values()) for each in shared]
    classes = by_class(question, given, [each.group for each in shared]) if enough else []
    return {
        "question": row.name,
        "kind": question.kind,
        **_overall(question, shared),
        "classes": [
            {
                "label": each.label, "named": each.named, **_rounded(each.agreed),
                "overlapping": _round(each.overlapping), "instead": each.instead, "times": each.times,
            }
            for each in classes
        ],
        "pairs": _pairs(question, shared, called),
        "quality": annotator_quality.read(session, row, shared, called, probabilities or {}),
    }  # fmt: skip


def _overall(question: Question, shared: Sequence[Shared]) -> dict[str, Any]:
    """How many people answered how many examples together, and alpha, or why there is none."""
    from labelwheel.training.evaluation.reliability import alpha

    kind = kind_of(question)
    agreed, reason = None, None
    if len(shared) < LEAST:
        has = "has" if len(shared) == 1 else "have"
        together = f"{wording.counted(len(shared), 'example')} {has} answers of two people or more"
        reason = f"too few: {together}, and it takes {LEAST}"
    else:
        units = [kind.coded(question, each.example, list(each.answers.values())) for each in shared]
        agreed = alpha(units, kind.distance, [each.group for each in shared])
        if agreed is None:
            reason = "everybody always gave the same one answer, so that nobody can tell agreement from chance"
    return {
        "annotators": len({name for each in shared for name in each.answers}),
        "examples": len(shared),
        "most": len(shared) >= NEWEST,
        "distance": kind.distance.value,
        "alpha": _rounded(agreed) if agreed else None,
        "reason": reason,
    }


def _pairs(question: Question, shared: Sequence[Shared], called: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each two people who answered the same examples, those first who share most."""
    from labelwheel.training.evaluation.class_agreement import together
    from labelwheel.training.evaluation.reliability import kappa

    kind = kind_of(question)
    met: dict[tuple[str, str], list[Shared]] = defaultdict(list)
    for each in shared:
        for pair in combinations(sorted(each.answers, key=list(called).index), 2):
            met[pair].append(each)
    found = []
    for (one, other), those in met.items():
        both = [(each.answers[one], each.answers[other]) for each in those]
        units = [u for each, pair in zip(those, both, strict=True) for u in kind.coded(question, each.example, pair)]
        enough = len(those) >= LEAST
        items = together(question, both) if enough and kind.needs_text else None
        found.append(
            {
                "one": called[one], "other": called[other], "examples": len(those),
                "same": _round(sum(a == b for a, b in both) / len(both)),
                "kappa": _round(kappa(units, kind.distance)) if enough else None,
                "f1": _round(items[0]) if items else None,
                "overlapping": _round(items[1]) if items else None,
            }
        )  # fmt: skip
    return sorted(found, key=lambda pair: (-pair["examples"], pair["one"], pair["other"]))


def _rounded(agreed: Agreed) -> dict[str, float | None]:
    return {name: _round(value) for name, value in agreed._asdict().items()}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
