"""What an inspection found, in short: figures, without texts, keys and words of examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SECTIONS = ("slices", "baselines", "robustness", "fairness", "sensitivity", "leakage")
"""Those that are told here; others have something of each label."""

PEOPLE = ("annotator",)
"""Slices of which the values are names of people."""

_INTERVAL = ("difference", "low", "high")


def pick(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Some of a row's values; None for what it has not."""
    return {name: row.get(name) for name in names}


def short(inspection: Mapping[str, Any] | None, names: bool) -> dict[str, Any]:
    """`inspection` says how it stands; the sections are None where they are not done, or found nothing to say.

    `names` of annotators are told only where that says so.
    """
    sections = inspection["sections"] if inspection else {}
    found = {name: (sections.get(name) or {}).get("found") or {} for name in SECTIONS}
    state = ("version", "state", "problem", "label_count", "at", "done", "problems")
    return {
        "inspection": pick(inspection, *state) if inspection else None,
        "weak": _weak(found["slices"], names) if found["slices"] else None,
        "baselines": _baselines(found["baselines"]) if found["baselines"] else None,
        "robustness": _robustness(found["robustness"]) if found["robustness"] else None,
        "fairness": _fairness(found["fairness"], names) if found["fairness"] else None,
        "sensitivity": _sensitivity(found["sensitivity"]) if found["sensitivity"] else None,
        "leaks": _leaks(found["leakage"]) if found["leakage"] else None,
    }


def figures(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The few that say whether somebody has to look closer, by section; None for one that has found nothing to say.

    Nothing of annotators, of whose names slices and columns may consist.
    """
    slices, simpler = _weak(found.get("slices") or {}, False), _baselines(found.get("baselines") or {})
    best = max(simpler["rows"], key=lambda row: row["score"] or 0.0, default=None)
    told = {
        "slices": [pick(row, "slice", "value", "examples", "score", "rest") for row in slices["rows"]],
        "baselines": best,
        "robustness": _robustness(found.get("robustness") or {})["weak"],
        "fairness": _fairness(found.get("fairness") or {}, False)["gaps"],
        "leakage": _leaks(found.get("leakage") or {})["leaks"],
        "label_errors": pick(found.get("label_errors") or {}, "looked_at", "suspected"),
        "explanations": pick(found.get("explanations") or {}, "items", "marked", "random"),
    }
    return {name: one if found.get(name) else None for name, one in told.items()}


def _weak(found: Mapping[str, Any], names: bool) -> dict[str, Any]:
    shown = ("slice", "value", "examples", "score", "low", "high", "rest")
    rows = [
        # typical words are the texts' own
        pick(row, *shown) | {"words": row.get("words", []) if names else []}
        for row in found.get("weak", ())
        if names or row.get("slice") not in PEOPLE
    ]
    return pick(found, "candidates", "examples", "by_cross_validation") | {"rows": rows}


def _baselines(found: Mapping[str, Any]) -> dict[str, Any]:
    rows = [pick(row, "name", "score", *_INTERVAL) for row in found.get("baselines", ())]
    return pick(found, "score", "examples") | {"rows": rows, "missing": dict(found.get("missing", {}))}


def _robustness(found: Mapping[str, Any]) -> dict[str, Any]:
    shown = ("change", "examples", "before", "after", *_INTERVAL, "flipped", "beyond_chance")
    search = found.get("search") or None
    return {
        "weak": found.get("weak", []),
        "changes": [pick(row, *shown) for row in found.get("changes", ())],
        "search": pick(search, "examples", "flipped", "share", "low", "high", "budget") if search else None,
    }


def _fairness(found: Mapping[str, Any], names: bool) -> dict[str, Any]:
    columns = [one for one in found.get("columns", ()) if names or one["column"] not in PEOPLE]
    worse = [f"{one['column']} {row['group']}" for one in columns for row in one["groups"] if row.get("worse")]
    swaps = [
        pick(row, "swap", "examples", "changed", "changed_low", "changed_high", *_INTERVAL, "beyond_chance")
        for row in found.get("swaps", ())
    ]
    return {
        "gaps": [*worse, *(row["swap"] for row in swaps if row["beyond_chance"])],
        "groups": [
            {"column": one["column"]} | pick(row, "group", "examples", "score", "low", "high", "worse")
            for one in columns
            for row in one["groups"]
        ],
        "untold": found.get("untold", []),
        "swaps": swaps,
    }


def _sensitivity(found: Mapping[str, Any]) -> dict[str, Any]:
    labels = ("share", "labels", "refits", "mean", "low", "high", "other_answers")
    spread = ("refits", "mean", "deviation", "low", "high", "other_answers")
    told = ("strategy", "labels", "examples", "score", "fixed", "problem", "minutes")
    seed = found.get("seed") or None  # older inspections have none
    return {
        "labels": [pick(row, *labels) for row in found.get("labels", ())],
        "seed": pick(seed, *told)
        | {name: pick(seed[name], *spread) if seed.get(name) else None for name in ("seeds", "drawn")}
        if seed
        else None,
        "thresholds": [pick(row, "threshold", "shown", "score") for row in found.get("thresholds", ())],
        "lengths": [pick(row, "words", "examples", *_INTERVAL, "beyond_chance") for row in found.get("lengths", ())],
    }


def _leaks(found: Mapping[str, Any]) -> dict[str, Any]:
    repeated, named = found.get("repeated") or {}, found.get("named") or {}
    measured = ("examples", "same_text", "same_label", "score", "score_on_them", "score_without")
    masked = ("examples", "share", "score", "score_masked", "score_without", *_INTERVAL, "beyond_chance")
    return {
        "leaks": found.get("leaks", []),
        "repeated": pick(repeated, *measured) if repeated else None,
        "named": pick(named, *masked) if named else None,
    }
