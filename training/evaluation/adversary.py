"""How easily an answer can be flipped by somebody who tries: small changes upon each other, within a budget.

A greedy search as textattack's: of some candidates that one is kept which makes the model least sure of its right
answer, until the answer flips or the questions are spent. What is put upon each other names nothing else
(`perturbations.SMALL`), so that people's answers stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from labelwheel.training.evaluation import intervals
from labelwheel.training.evaluation.perturbations import ALL, SMALL
from labelwheel.training.evaluation.rewriting import Change, Rewriting, differs, told
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.questions import Answer, Prediction

EXAMPLES = 50
STEPS = 3
QUERIES = STEPS * len(SMALL)
"""That an example may be asked about."""

_SHOWN = 3


class _Hunted(NamedTuple):
    """An example on its way: how it reads now, and what was answered."""

    place: int
    now: Change | None
    before: Answer
    sure: float


def search(subject: Subject, rewriting: Rewriting) -> dict[str, Any]:
    """Tries up to 50 measured examples that are answered rightly; empty where there are none.

    `flipped` of `examples` were, with a 95 % interval (Wilson) of the share, after `queries` questions in all.
    """
    right = [place for place, score in enumerate(subject.scores) if score.loss <= subject.kind.tolerance]
    right = [place for place in right if subject.predictions[place].answer is not None]
    chosen = sorted(Random(subject.seed).sample(right, min(EXAMPLES, len(right))))  # noqa: S311
    if not chosen:
        return {}
    hunted = [
        _Hunted(place, None, subject.predictions[place].answer, subject.predictions[place].score) for place in chosen
    ]
    flipped: list[tuple[Change, Answer]] = []
    queries = 0
    for step in range(STEPS):
        candidates = [_candidates(rewriting, one, step) for one in hunted]
        answers = iter(subject.answer([each.row.example for those in candidates for each in those]))
        left = []
        for one, those in zip(hunted, candidates, strict=True):
            answered = [(each, next(answers)) for each in those]
            queries += len(answered)
            hit = next((pair for pair in answered if _flips(subject, *pair)), None)
            if hit is not None:
                flipped.append((hit[0], hit[1].answer))
            elif answered:
                left.append(_weakest(one, answered))
        hunted = left
    low, high = intervals.wilson(len(flipped), len(chosen), 0.95)
    return {
        "examples": len(chosen),
        "flipped": len(flipped),
        "share": len(flipped) / len(chosen),
        "low": low,
        "high": high,
        "queries": queries,
        "budget": QUERIES,
        "worst": [told(subject, change, answer) for change, answer in flipped[:_SHOWN]],
    }


def _candidates(rewriting: Rewriting, one: _Hunted, step: int) -> list[Change]:
    subject = rewriting.subject
    row, before = subject.measured[one.place], one.before
    if one.now is not None:
        row, before = one.now.row, one.now.before
    found = []
    for name in SMALL:
        draw = Random(f"{subject.seed} {name} {step} {row.example.key}")  # noqa: S311
        change = rewriting.change(one.place, row, before, ALL[name], draw)
        if change is not None:
            found.append(change)
    return found


def _flips(subject: Subject, change: Change, prediction: Prediction) -> bool:
    return differs(subject, change.before, prediction.answer, change.row.example)


def _weakest(one: _Hunted, answered: Sequence[tuple[Change, Prediction]]) -> _Hunted:
    change, prediction = min(answered, key=lambda pair: pair[1].score)
    if prediction.score >= one.sure:
        return one  # nothing makes it less sure: other draws, at the next step
    return one._replace(now=change, sure=prediction.score)
