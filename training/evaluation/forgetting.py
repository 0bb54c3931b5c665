"""What a challenger has forgotten, and what it has won: each class under it and under the champion, same examples.

F1 by class with the interval of the change that the gate has (`paired`). Each interval holds for its own class: with a
challenger just as good, one class of ten or more looks changed where examples are many, and hardly any where they are
few (simulated, 15 % of the answers drawn anew: 1 % of classes with 5 examples, 3 % with 20, 16 % of 120 with 50).
"""

from __future__ import annotations

from typing import Any

from labelwheel.training.evaluation.findings import Findings
from labelwheel.training.evaluation.paired import LEVEL, Paired


def told(findings: Findings) -> dict[str, Any] | None:
    """The report's section as JSON data, what is lost most first; None where nobody can compare.

    Scores are the kind's headline, `difference` is that of the mean score, by which the gate decides.

    `lost` and `won` are the classes whose change is beyond chance. Kinds without classes have the overall change only.
    """
    theirs = findings.champion_scores or ()
    both = [
        (row.group, old, new)
        for row, old, new in zip(findings.measured, theirs, findings.scores, strict=False)
        if old is not None
    ]
    if not both:
        return None
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
        "lost": [each.label for each in classes if each.beyond_chance and each.change < 0],
        "won": [each.label for each in reversed(classes) if each.beyond_chance and each.change > 0],
    }
