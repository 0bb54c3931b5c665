"""Whether it is worse for some people than for others, and whether who is meant changes what it says.

Groups are the values of the columns that people name; each one's mean score comes with fairlearn's bootstrap interval,
and so does the gap between the best and the worst group. That gap is above zero whatever happens, so that it decides
nothing: a group is worse where the permutation test of `family_wise` says so, over all groups at once.

Swaps (`counterfactuals`) say how often an answer changes and what that does to the score, against chance with Holm's
correction over all of them, both ways. Where a score goes up as beyond chance as another goes down, it is a bias too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labelwheel.training.evaluation import counterfactuals, family_wise, intervals, many_looks, slices
from labelwheel.training.evaluation.markdown import cell, change, number, table
from labelwheel.training.evaluation.paired import Paired
from labelwheel.training.evaluation.perturbations import Perturbation
from labelwheel.training.evaluation.randomisation import p_value
from labelwheel.training.evaluation.rewriting import Rewriting, differs, texts, told
from labelwheel.training.inspection.subject import Subject

LEVEL = 0.05
SMALL = 10
"""Of a group with fewer measured examples nothing is said."""

FEW = 20
"""Of a swap that finds words in fewer texts nothing is said."""

MOST = 1000
RESAMPLES = 200
_SHOWN = 3


class Fairness:
    """The section."""

    name = "fairness"

    def look(self, subject: Subject) -> dict[str, Any]:
        """`columns` with their groups, `swaps` with what they change; `gaps` names what is beyond chance.

        `untold` are the columns that have not two groups to compare.
        """
        if not subject.measured:
            return {}
        told = slices.values(subject.question, subject.measured) if subject.groups else []
        columns = [found for name in subject.groups if (found := _column(subject, name, told))]
        _judge(subject, columns, told)
        rewriting = Rewriting(subject)
        swaps = [row for name, one in counterfactuals.ALL.items() if (row := _swap(rewriting, name, one))]
        many_looks.mark(swaps, LEVEL)
        untold = [name for name in subject.groups if name not in {one["column"] for one in columns}]
        if not columns and not swaps and not untold:
            return {}
        worse = [f"{one['column']} {row['group']}" for one in columns for row in one["groups"] if row["worse"]]
        return {
            "columns": columns,
            "untold": untold,
            "swaps": swaps,
            "gaps": [*worse, *(row["swap"] for row in swaps if row["beyond_chance"])],
        }

    def render(self, found: Mapping[str, Any]) -> str:
        """What was found beyond chance, and both tables."""
        gaps = ", ".join(map(cell, found["gaps"]))
        parts = ["## Is it fair?", f"**Beyond chance**: {gaps}." if gaps else "Nothing was found beyond chance."]
        parts += [_groups(found["columns"]), _untold(found["untold"]), _swaps(found["swaps"])]
        parts.append(texts([one for row in found["swaps"] if row["beyond_chance"] for one in row["worst"]]))
        return "\n\n".join(filter(None, parts))


FAIRNESS = Fairness()


def _column(subject: Subject, name: str, told: Sequence[Mapping[str, str]]) -> dict[str, Any] | None:
    """The groups of a column, the worst first; None where there are not two to compare."""
    # slow to load, and only this needs it
    from fairlearn.metrics import MetricFrame  # type: ignore[import-untyped]

    values = [each.get(name) for each in told]
    sizes = {value: values.count(value) for value in set(values) if value is not None}
    places = [place for place, value in enumerate(values) if sizes.get(value or "", 0) >= SMALL]
    if len({values[place] for place in places}) < 2:
        return None
    scores = np.array([1 - subject.scores[place].loss for place in places])
    frame = MetricFrame(
        metrics={"score": lambda _, one: float(np.mean(one))},
        y_true=np.zeros(len(places)),
        y_pred=scores,
        sensitive_features=np.array([values[place] for place in places], dtype=object),
        n_boot=RESAMPLES,
        ci_quantiles=[0.05, 0.95],
        random_state=subject.seed,
    )
    low, high = frame.by_group_ci
    edges = [float(one["score"]) for one in frame.difference_ci()]
    groups = [
        {
            "group": str(group),
            "examples": sizes[group],
            "score": float(score),
            "low": float(low["score"][group]),
            "high": float(high["score"][group]),
        }
        for group, score in frame.by_group["score"].items()
    ]
    return {
        "column": name,
        "groups": sorted(groups, key=lambda row: row["score"]),
        "gap": float(frame.difference()["score"]),
        "low": edges[0],
        "high": edges[1],
    }


def _judge(subject: Subject, columns: list[dict[str, Any]], told: Sequence[Mapping[str, str]]) -> None:
    """Which groups are worse than everybody else, over all columns at once."""
    named = [(one["column"], row) for one in columns for row in one["groups"]]
    members = np.array([[each.get(column) == row["group"] for each in told] for column, row in named], dtype=bool)
    losses, groups = [score.loss for score in subject.scores], [row.group for row in subject.measured]
    verdicts = family_wise.worse(losses, members.reshape(len(named), len(losses)), groups, seed=subject.seed)
    for (_, row), chance in zip(named, verdicts.p_values, strict=True):
        row |= {"p_value": float(chance), "worse": bool(chance <= LEVEL)}


def _swap(rewriting: Rewriting, name: str, perturbation: Perturbation) -> dict[str, Any] | None:
    subject = rewriting.subject
    changes = rewriting.changes(name, perturbation, range(len(subject.measured)))[:MOST]
    if len(changes) < FEW:
        return None
    after = subject.answer([each.row.example for each in changes])
    rows = [each.row for each in changes]
    old, new = [subject.scores[each.place] for each in changes], subject.scored(rows, after)
    paired = Paired.of([row.group for row in rows], old, new, subject.seed)
    flips = [
        place
        for place, (each, one) in enumerate(zip(changes, after, strict=True))
        if differs(subject, each.before, one.answer, each.row.example)
    ]
    least, most = intervals.wilson(len(flips), len(changes), 0.9)
    low, high = paired.interval
    chance = min(p_value(paired.gains, subject.seed), p_value(-paired.gains, subject.seed))
    return {
        "swap": name,
        "examples": len(changes),
        "changed": len(flips) / len(changes),
        "changed_low": least,
        "changed_high": most,
        "difference": paired.difference,
        "low": low,
        "high": high,
        "p_value": min(1.0, 2 * chance),
        "worst": [told(subject, changes[place], after[place].answer) for place in flips[:_SHOWN]],
    }


def _groups(columns: list[Mapping[str, Any]]) -> str:
    rows = [
        (
            cell(one["column"]), cell(row["group"]), f"{row['examples']:,}", number(row["score"]),
            f"{number(row['low'])} to {number(row['high'])}", "worse than the others" if row["worse"] else "",
        )
        for one in columns
        for row in one["groups"]
    ]  # fmt: skip
    gaps = " ".join(
        f"Between the groups of {cell(one['column'])} the gap is {number(one['gap'])} ({number(one['low'])} to "
        f"{number(one['high'])}); by chance alone it would not be zero."
        for one in columns
    )
    return "\n\n".join(
        filter(None, [table(("of", "group", "examples", "mean score", "90 % interval", ""), rows), gaps])
    )


def _untold(names: Sequence[str]) -> str:
    if not names:
        return ""
    return f"Of {', '.join(map(cell, names))} there are not two groups of {SMALL} measured examples each to compare."


def _swaps(swaps: list[Mapping[str, Any]]) -> str:
    rows = [
        (
            row["swap"], f"{row['examples']:,}",
            f"{row['changed']:.1%} ({row['changed_low']:.1%} to {row['changed_high']:.1%})",
            change(row["difference"], row["low"], row["high"]), "beyond chance" if row["beyond_chance"] else "",
        )
        for row in swaps
    ]  # fmt: skip
    return table(("swap (English)", "texts", "other answers", "mean score (90 % interval)", ""), rows)
