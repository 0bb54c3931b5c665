"""How far the score hangs on what might be otherwise: labels, the seed, what is hidden, how long texts are.

- Labels: the regression on the base model's features, learnt from other four fifths and halves of the training labels
  and measured on the same held-out texts. It says how much these labels matter to it, and nothing about a fine-tuned
  checkpoint, whose training would take its whole time again for each. Not of spans, which no regression learns here.
- Seed: the strategy that was chosen, fitted again (`refits`).
- Threshold: what is shown and how good it is, if less sure answers are hidden.
- Length: what is lost if texts are cut after some words, against chance with Holm's correction.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from random import Random
from typing import Any

from labelwheel.training.evaluation import many_looks, refits
from labelwheel.training.evaluation.edits import Edit
from labelwheel.training.evaluation.markdown import change, number, table
from labelwheel.training.evaluation.paired import Paired
from labelwheel.training.evaluation.perturbations import Given
from labelwheel.training.evaluation.randomisation import p_value
from labelwheel.training.evaluation.rewriting import Rewriting
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.kinds.base import Row
from labelwheel.training.questions import Prediction
from labelwheel.training.spec import Part

LEVEL = 0.05
FEW = 10
LEAST = 20
"""With fewer independent held-out examples nothing is said."""

MOST = 1000
REFITS = 8
SHARES = (0.8, 0.5)
"""Of the training labels, that a refit learns from."""

SECONDS = 60.0
"""After which no further refit begins."""

THRESHOLDS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
WORDS = (4, 8, 16, 32, 64, 128)
_WORD = re.compile(r"\S+")


class Sensitivity:
    """The section."""

    name = "sensitivity"

    def look(self, subject: Subject) -> dict[str, Any]:
        """`labels`, `seed`, `thresholds`, `lengths`; `cut` has the numbers of words after which a cut costs score."""
        if len({row.group for row in subject.measured}) < LEAST:
            return {}
        lengths = _lengths(subject)
        return {
            "metric": subject.kind.metric,
            "labels": [] if subject.kind.row is Row.TOKEN or subject.kind.free else _labels(subject),
            "seed": refits.look(subject),
            "thresholds": _thresholds(subject),
            "lengths": lengths,
            "cut": [row["words"] for row in lengths if row["beyond_chance"]],
        }

    def render(self, found: Mapping[str, Any]) -> str:
        """Three tables, and what the seed does."""
        labels = [
            (f"{row['share']:.0%} ({row['labels']:,})", row["refits"], number(row["mean"]),
             f"{number(row['low'])} to {number(row['high'])}", f"{row['other_answers']:.1%}")
            for row in found["labels"]
        ]  # fmt: skip
        shown = [(f"{row['threshold']:g}", f"{row['shown']:.0%}", number(row["score"])) for row in found["thresholds"]]
        lengths = [
            (row["words"], f"{row['examples']:,}", change(row["difference"], row["low"], row["high"]),
             "beyond chance" if row["beyond_chance"] else "")
            for row in found["lengths"]
        ]  # fmt: skip
        parts = ["## What the score hangs on"]
        if labels:
            parts += [
                "With other labels of these, by a regression on the base model's features:",
                table(("learnt from", "times", "score", "lowest to highest", "answers that differ"), labels),
            ]
        parts += filter(None, [refits.render(found.get("seed") or {})])
        parts += ["If less sure answers are hidden:", table(("below", "shown", "score of those"), shown)]
        if lengths:
            parts += [
                "If texts are cut:",
                table(("after words", "texts that are longer", "mean score (90 % interval)", ""), lengths),
            ]
        return "\n\n".join(parts)


SENSITIVITY = Sensitivity()


def _labels(subject: Subject) -> list[dict[str, Any]]:
    """For each share of the training labels: how the score and the answers vary over refits."""
    frozen, problem = subject.frozen, subject.problem
    train = [place for place, row in enumerate(problem.rows) if row.part is Part.TRAIN]
    measured = [place for place, row in enumerate(problem.rows) if row.part is Part.HELD_OUT][:MOST]
    begun, found = time.monotonic(), []
    for share in SHARES:
        count = round(share * len(train))
        if count < subject.kind.least_labels + 1 or not measured:
            continue
        answers: list[list[Prediction]] = []
        for number_of in range(REFITS):
            if time.monotonic() - begun > SECONDS:
                break
            drawn = sorted(Random(f"{subject.seed} {share} {number_of}").sample(train, count))  # noqa: S311
            head = frozen.fit(drawn, frozen.search(drawn, (), 0.0))
            answers.append(problem.predict(measured, frozen.logits(head, measured), {}))
        if len(answers) < 2:
            continue
        rows = [problem.rows[place] for place in measured]
        found.append({"share": share, "labels": count, **refits.spread(subject, rows, answers)})
    return found


def _thresholds(subject: Subject) -> list[dict[str, Any]]:
    """What is shown of what was shown so far, and the score of that, above the threshold that is set."""
    found = []
    for threshold in sorted({subject.hide_below, *(each for each in THRESHOLDS if each > subject.hide_below)}):
        shown = [subject.kind.shown(one, threshold) for one in subject.predictions]
        places = [place for place, one in enumerate(shown) if one.answer is not None]
        rows = [subject.measured[place] for place in places]
        scores = subject.scored(rows, [shown[place] for place in places])
        found.append(
            {
                "threshold": threshold,
                "shown": len(places) / len(shown),
                "score": subject.kind.headline(scores) if scores else None,
            }
        )
    return found


def _lengths(subject: Subject) -> list[dict[str, Any]]:
    """For numbers of words that enough texts are longer than: what a cut there costs these."""
    rewriting, found = Rewriting(subject), []
    for words in WORDS:

        def cut(text: str, given: Given, words: int = words) -> list[Edit]:
            places = list(_WORD.finditer(text))
            return [Edit(places[words - 1].end(), len(text), "")] if len(places) > words else []

        changes = rewriting.changes("cut", cut, range(len(subject.measured)))[:MOST]
        if len(changes) < FEW:
            continue
        rows = [one.row for one in changes]
        after = subject.scored(rows, subject.answer([row.example for row in rows]))
        paired = Paired.of(
            [row.group for row in rows], [subject.scores[one.place] for one in changes], after, subject.seed
        )
        low, high = paired.interval
        found.append(
            {
                "words": words, "examples": len(rows), "difference": paired.difference, "low": low, "high": high,
                "p_value": p_value(-paired.gains, subject.seed),
            }
        )  # fmt: skip
    many_looks.mark(found, LEVEL)
    return found
