"""What the score loses where texts are typed badly, in other case, with other numbers and names, or with an ado.

Each change is made to the measured texts that it can change, and what the model says of them before and after is
compared with what people said: by the paired differences of near-duplicate groups, held against chance as the gate
does, with Holm's correction (1979) over all changes. See `perturbations` for what a change is and where it may change
what people would say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labelwheel.training.evaluation import adversary, many_looks
from labelwheel.training.evaluation.markdown import change, number, table
from labelwheel.training.evaluation.paired import Paired
from labelwheel.training.evaluation.perturbations import ALL, Perturbation
from labelwheel.training.evaluation.randomisation import p_value
from labelwheel.training.evaluation.rewriting import Rewriting, differs, texts, told
from labelwheel.training.inspection.subject import Subject

LEVEL = 0.05
"""Of all changes together."""

MOST = 1000
"""So many measured examples are changed, or a large project would take hours."""

FEW = 10
"""Of fewer texts that a change finds something in, nothing is said."""

_WORST = 2
_SHOWN_WORST = 8


class Robustness:
    """The section."""

    name = "robustness"

    def look(self, subject: Subject) -> dict[str, Any]:
        """`changes` with their drops; `weak` names those beyond chance, the worst first; `search` is an adversary's."""
        if not subject.measured:
            return {}
        rewriting = Rewriting(subject)
        rows = [row for name, one in ALL.items() if (row := _measured(rewriting, name, one))]
        many_looks.mark(rows, LEVEL)
        rows.sort(key=lambda row: row["difference"])
        return {
            "metric": subject.kind.metric,
            "examples": min(len(subject.measured), MOST),
            "changes": rows,
            "weak": [row["change"] for row in rows if row["beyond_chance"]],
            "search": adversary.search(subject, rewriting),
        }

    def render(self, found: Mapping[str, Any]) -> str:
        """A table of all changes, and texts for which the answer is another where a change costs beyond chance."""
        rows = [
            (
                row["change"], f"{row['examples']:,}", number(row["before"]), number(row["after"]),
                change(row["difference"], row["low"], row["high"]), f"{row['flipped']:.1%}",
                "beyond chance" if row["beyond_chance"] else "",
            )
            for row in found["changes"]
        ]  # fmt: skip
        header = ("change", "texts", "before", "after", "mean score (90 % interval)", "other answers", "")
        weak = ", ".join(found["weak"])
        said = f"**Costs beyond chance**: {weak}." if weak else "No change of the texts costs anything beyond chance."
        worst = [one for row in found["changes"] if row["beyond_chance"] for one in row["worst"]][:_SHOWN_WORST]
        parts = ["## When texts are typed differently", said, table(header, rows), _searched(found["search"])]
        parts += [texts(worst or found["search"].get("worst", []))]
        return "\n\n".join(filter(None, parts))


ROBUSTNESS = Robustness()


def _measured(rewriting: Rewriting, name: str, perturbation: Perturbation) -> dict[str, Any] | None:
    subject = rewriting.subject
    changes = rewriting.changes(name, perturbation, _places(subject))
    if len(changes) < FEW:
        return None
    after = subject.answer([each.row.example for each in changes])
    rows = [each.row for each in changes]
    old, new = [subject.scores[each.place] for each in changes], subject.scored(rows, after)
    paired = Paired.of([row.group for row in rows], old, new, subject.seed)
    low, high = paired.interval
    flips = [
        place
        for place, (each, one) in enumerate(zip(changes, after, strict=True))
        if differs(subject, each.before, one.answer, each.row.example)
    ]
    losses = np.array([one.loss for one in new]) - np.array([one.loss for one in old])
    worst = sorted((place for place in flips if losses[place] > 0), key=lambda place: -losses[place])[:_WORST]
    return {
        "change": name,
        "examples": len(changes),
        "before": subject.kind.headline(old),
        "after": subject.kind.headline(new),
        "difference": paired.difference,
        "low": low,
        "high": high,
        "p_value": p_value(-paired.gains, subject.seed),
        "flipped": len(flips) / len(changes),
        "worst": [told(subject, changes[place], after[place].answer) for place in worst],
    }


def _places(subject: Subject) -> Sequence[int]:
    """Of many examples some, the same in each change."""
    count = len(subject.measured)
    if count <= MOST:
        return range(count)
    return [int(place) for place in np.sort(np.random.default_rng(subject.seed).choice(count, MOST, replace=False))]


def _searched(search: Mapping[str, Any]) -> str:
    if not search:
        return ""
    return (
        f"Somebody who tries, with up to {search['budget']} questions a text, gets another answer for "
        f"{search['flipped']} of {search['examples']} texts that are answered rightly ({search['share']:.0%}, 95 % "
        f"interval {search['low']:.0%} to {search['high']:.0%})."
    )
