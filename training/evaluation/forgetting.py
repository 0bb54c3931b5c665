"""What a challenger has forgotten, and what it has won: each class under it and under the champion, same examples.

F1 by class with the interval of the change that the gate has (`paired`). Each interval holds for its own class: with a
challenger just as good, one class of ten or more looks changed where examples are many, and hardly any where they are
few (simulated, 15 % of the answers drawn anew: 1 % of classes with 5 examples, 3 % with 20, 16 % of 120 with 50).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labelwheel.training.evaluation import named_slices
from labelwheel.training.evaluation.findings import Findings
from labelwheel.training.evaluation.left_behind import change_of
from labelwheel.training.evaluation.paired import LEVEL, Paired
from labelwheel.training.kinds.base import Score
from labelwheel.training.spec import LabelledExample, NamedSlice


def told(findings: Findings) -> dict[str, Any] | None:
    """The report's section as JSON data, what is lost most first; None where nobody can compare.

    Scores are the kind's headline, `difference` is that of the mean score, by which the gate decides.

    `slices` has those that people named, by mean score. `lost` and `won` are the classes whose change is beyond
    chance. Kinds without classes have the overall change only.
    """
    theirs = findings.champion_scores or ()
    rows = [
        (row, old, new)
        for row, old, new in zip(findings.measured, theirs, findings.scores, strict=False)
        if old is not None
    ]
    if not rows:
        return None
    both = [(row.group, old, new) for row, old, new in rows]
    champion, challenger = [old for _, old, _ in both], [new for _, _, new in both]
    paired = Paired.of([group for group, _, _ in both], champion, challenger, findings.spec.seed)
    low, high = paired.interval
    classes = sorted(paired.classes(), key=lambda each: (each.change, each.label))
    return {
        "version": findings.parent,
        "score": findings.kind.headline(champion),
        "challenger_score": findings.kind.headline(challenger),
        "examples": len(both),
        "difference": paired.difference,
        "low": low,
        "high": high,
        "level": LEVEL,
        "beyond_chance": low > 0 or high < 0,
        "classes": [
            {
                "label": each.label,
                "support": each.gold,
                "champion_f1": each.champion_f1,
                "challenger_f1": each.challenger_f1,
                "change": each.change,
                "low": each.low,
                "high": each.high,
                "beyond_chance": each.beyond_chance,
            }
            for each in classes
        ],
        "slices": _slices(findings, rows),
        "lost": [each.label for each in classes if each.beyond_chance and each.change < 0],
        "won": [each.label for each in reversed(classes) if each.beyond_chance and each.change > 0],
    }


def _slices(findings: Findings, rows: Sequence[tuple[LabelledExample, Score, Score]]) -> list[dict[str, Any]]:
    spec = findings.spec
    # of all that was measured, as the gate has them: a text's language depends on what else there is
    told = named_slices.of(spec.question, findings.measured) if spec.slices else []
    compared = [each for each, old in zip(told, findings.champion_scores or (), strict=False) if old is not None]
    return [
        _slice(
            named,
            [row for row, each in zip(rows, compared, strict=True) if named_slices.holds(named, each)],
            spec.seed,
        )
        for named in spec.slices
    ]


def _slice(named: NamedSlice, here: Sequence[tuple[LabelledExample, Score, Score]], seed: int) -> dict[str, Any]:
    found = change_of(
        named,
        [row.group for row, _, _ in here],
        [old.loss for _, old, _ in here],
        [new.loss for _, _, new in here],
        0.0,
        seed,
    )
    return {
        "slice": named.name,
        "value": named.value,
        "examples": found.examples,
        "champion_score": found.champion_score,
        "challenger_score": found.challenger_score,
        "change": found.change,
        "low": found.low,
        "high": found.high,
    }
