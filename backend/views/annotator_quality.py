"""How far each annotator can be relied on, and which examples another pair of eyes would help most.

With the model as one more voice where it can be one: for choices, and with probabilities of a model that has not learnt
the example's label. Otherwise people are held against each other alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Label, QuestionRow
from labelwheel.backend.rounds import answers
from labelwheel.backend.views.shared_examples import Shared, latest
from labelwheel.training.evaluation.class_agreement import by_person
from labelwheel.training.evaluation.crowd import Crowd, crowd
from labelwheel.training.evaluation.reliability import Agreed, by_example
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Question

LEAST = 20
"""So many examples with probabilities, and of them with answers of several people, make the model a voice."""
SHOWN = 50
"""So many examples at most are said to want another look."""

Probabilities = Mapping[str, Sequence[float]]
"""By an example's key: one for each of the question's values, in their order, out of fold."""


class Found(NamedTuple):
    """Each annotator's quality, the examples in the order in which they want a look, and how much the model counts."""

    people: Mapping[str, Agreed]
    looks: list[dict[str, Any]]
    model_weight: float | None


def read(
    session: Session,
    row: QuestionRow,
    shared: Sequence[Shared],
    called: Mapping[str, str],
    probabilities: Probabilities,
) -> dict[str, Any]:
    """What `agreement_body.Quality` says. `shared` are the examples that several people answered."""
    question = Question.model_validate(row.spec)
    labelled = list(_labelled(session, row, question)) if probabilities else list(shared)
    found, reason = _with_the_model(question, labelled, probabilities)
    found = found or _among_people(question, shared)
    query = select(Label.annotator, func.count(func.distinct(Label.example_key))).group_by(Label.annotator)
    labels = query.where(Label.project_id == row.project_id, Label.question == row.name)
    counts = {row[0]: row[1] for row in session.execute(labels)}
    company = {name: sum(name in each.answers and len(each.answers) > 1 for each in labelled) for name in found.people}
    people = sorted(found.people.items(), key=lambda item: (item[1].value, item[0]))
    return {
        "annotators": [
            {
                "annotator": called[name], "labels": counts[name], "shared": company[name],
                **{key: round(value, 4) for key, value in agreed._asdict().items()},
            }
            for name, agreed in people
        ],
        "another_look": found.looks,
        "model_weight": found.model_weight,
        "reason": reason,
    }  # fmt: skip


def _labelled(session: Session, row: QuestionRow, question: Question) -> Iterator[Shared]:
    for each in answers.read(session, row, question, None, shared=False):
        yield Shared(each.example, each.group, latest(each.votes))


def _with_the_model(
    question: Question, labelled: Sequence[Shared], probabilities: Probabilities
) -> tuple[Found | None, str | None]:
    if not kind_of(question).exclusive:
        return None, "people alone: CROWDLAB, in which the model is one more voice, is for choices"
    known = [each for each in labelled if each.example.key in probabilities]
    several = sum(len(each.answers) > 1 for each in known)
    if min(len(known), several) < LEAST:
        return None, (
            f"people alone: the model has probabilities out of fold for {several} of the examples that several people "
            f"answered, and it takes {LEAST}"
        )
    keys = {each.example.key for each in labelled}
    others = [key for key in probabilities if key not in keys]
    found = crowd(
        [{name: question.places[answer] for name, answer in each.answers.items()} for each in known],
        np.array([probabilities[each.example.key] for each in known], dtype=np.float64),
        np.array([probabilities[key] for key in others], dtype=np.float64).reshape(len(others), len(question.values)),
        [each.group for each in known],
    )
    assert found is not None
    looks = [*_looks(question, known, found), *_first_looks(question, others, found, probabilities)]
    ranked = sorted(looks, key=lambda look: (look["score"], look["key"]))[:SHOWN]
    return Found(found.annotators, ranked, round(found.model_weight, 4)), None


def _looks(question: Question, known: Sequence[Shared], found: Crowd) -> Iterator[dict[str, Any]]:
    for each, score, answer in zip(known, found.scores, found.answers, strict=True):
        yield _look(each.example.key, "relabel", float(score), len(each.answers), question.values[int(answer)])


def _first_looks(
    question: Question, others: Sequence[str], found: Crowd, probabilities: Probabilities
) -> Iterator[dict[str, Any]]:
    for key, score in zip(others, found.unlabelled, strict=True):
        yield _look(key, "label", float(score), 0, question.values[int(np.argmax(probabilities[key]))])


def _among_people(question: Question, shared: Sequence[Shared]) -> Found:
    """Everybody against the others; what they do not agree on wants a look, the most disputed first."""
    kind = kind_of(question)
    people = by_person(question, [each.answers for each in shared], [each.group for each in shared])
    units = [kind.coded(question, each.example, list(each.answers.values())) for each in shared]
    scores = by_example(units, kind.distance)
    looks = [
        _look(each.example.key, "relabel", float(score), len(each.answers), kind.agree(list(each.answers.values())))
        for each, score in zip(shared, scores, strict=True)
        if score < 1
    ]
    return Found(people, sorted(looks, key=lambda look: (look["score"], look["key"]))[:SHOWN], None)


def _look(key: str, action: str, score: float, labels: int, answer: Any) -> dict[str, Any]:
    return {"key": key, "action": action, "score": round(score, 4), "labels": labels, "answer": answer}
