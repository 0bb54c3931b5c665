"""The part of a report about slices, as Markdown: those that people named first, then those that are weak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelwheel.training.evaluation.markdown import cell, number, table, words

_MOST = 40


def render(report: Mapping[str, Any]) -> str:
    """Empty where there is no slice of enough examples."""
    rows = sorted(report["slices"], key=lambda row: not row["worse"])
    if not rows:
        return ""
    cells = [
        (
            cell(row["slice"]), cell(row["value"]), f"{row['examples']:,}", number(row["score"]),
            f"{number(row['low'])} to {number(row['high'])}", "worse than the rest" if row["worse"] else "",
        )
        for row in rows[:_MOST]
    ]  # fmt: skip
    more = f"… and {len(rows) - _MOST} more in `report.json`." if len(rows) > _MOST else ""
    closing = (
        "Each interval is that of its slice by itself. Marks are corrected for how many slices there are: where none "
        "is worse, one report in twenty has a mark."
    )
    header = ("slice", "value", "examples", words(report["metric"]), "95 % interval", "")
    return "\n\n".join(filter(None, ["## Slices", _named(report), table(header, cells), more, closing]))


def _named(report: Mapping[str, Any]) -> str:
    """How those did that people named; against the champion where there is one."""
    champion = report["champion"]
    if champion and champion["slices"]:
        told = {(row["slice"], row["value"]): _change(row, champion["level"]) for row in champion["slices"]}
    else:
        told = {(row["slice"], row["value"]): _score(row) for row in report["slices"]}
    return "\n".join(
        f"- **{cell(each['name'])}={cell(each['value'])}**: "
        f"{told.get((each['name'], each['value']), 'too few examples were measured')}"
        for each in report["named_slices"]
    )


def _score(row: Mapping[str, Any]) -> str:
    return f"{number(row['score'])} on {row['examples']:,} examples"


def _change(row: Mapping[str, Any], level: float) -> str:
    if not row["examples"]:
        return "no example was measured"
    return (
        f"the mean score goes from the champion's {number(row['champion_score'])} to {number(row['challenger_score'])} "
        f"({row['change']:+.3f}, {level:.0%} interval {row['low']:+.3f} to {row['high']:+.3f}) on "
        f"{row['examples']:,} examples"
    )
