"""How good a checkpoint is, and where it is not: its report and what its inspection found, as figures.

Scores, rates and differences are in [0, 1], or a share of that; intervals are those of the report (95 %) or of the
inspection's section (90 % of differences). Texts, examples' keys and typical words are not told; slices by annotator
have names of people, and are for the admin. What an older report has not is None, or an empty list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import QuestionRow
from labelwheel.backend.rounds import round_commands
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import findings, hidden, inspected, shown_checkpoint
from labelwheel.training.errors import InvalidCheckpoint, StoreUnreachable
from labelwheel.training.evaluation.named_slices import KNOWN, LANGUAGE
from labelwheel.training.questions import Question

MATRIX = 30
"""So many classes stand in a table of what is taken for what: those that are mixed up most."""

NO_CHAMPION = (
    "nothing is served for this question yet: once it has labels, `labelwheel train` or the next round makes a "
    "checkpoint, and its report stands here"
)
NOT_MEASURED = (
    "nothing was measured of this checkpoint: it answers by the names of the labels alone, or too few labels are held "
    "out yet; label on, a later round measures"
)
_RATES = ("precision", "recall", "f1")
_SLICE = ("slice", "value", "examples", "score", "low", "high", "worse")


def body() -> type[BaseModel]:
    """The model of what `read` gives, which is imported only when somebody wants it described."""
    from labelwheel.backend.views.quality_body import CheckpointQuality

    return CheckpointQuality


def read(
    session: Session, settings: Settings, question: QuestionRow, version: str | None, names: bool
) -> dict[str, Any]:
    """What is known of a version, else of the champion; `names` of annotators are told only where that says so.

    `reason` says what is missing, and what to do. Raises NotFound where there is no such version.
    """
    told: dict[str, Any] = {"question": question.name, "kind": str(question.spec["kind"]), "version": None}
    told["hidden"] = hidden.told(settings, question, {})
    if version is None and question.champion_id is None:
        return told | {"champion": False, "reason": NO_CHAMPION} | _figures({}, (), names) | findings.short(None, names)
    row = shown_checkpoint.row(session, question, version)
    report, reason, values = {}, None, Question.model_validate(question.spec).values
    try:
        report = settings.checkpoints.read(row.folder, verify=False, digest=row.manifest_digest).report
    except (InvalidCheckpoint, StoreUnreachable) as error:
        reason = str(error)
    if reason is None and not report.get("headline"):
        reason = NOT_MEASURED
    inspection = inspected.of_version(session, row.version, findings.SECTIONS)
    told["hidden"] = hidden.told(settings, question, report.get("hidden") or {})
    told |= {"version": row.version, "champion": row.id == question.champion_id, "reason": reason}
    return told | _figures(report, values, names) | findings.short(inspection, names)


def versions(session: Session, question: QuestionRow) -> list[str]:
    """Those that can be looked at, the newest first."""
    return [row.version for row in round_commands.checkpoints(session, question.id)]


def _figures(report: Mapping[str, Any], values: Sequence[str], names: bool) -> dict[str, Any]:
    calibration, split = report.get("calibration") or {}, report.get("leakage") or {}
    return {
        "metric": report.get("metric") or "score",
        "score": findings.pick(report["headline"], "value", "low", "high", "level") if report.get("headline") else None,
        "measured_on": report.get("measured_on"),
        "scored_on": findings.pick(
            report.get("scored_on") or {}, "blind", "examples", "groups", "blind_groups", "enough"
        ),
        "metrics": [{"name": name, "value": value} for name, value in (report.get("metrics") or {}).items()],
        "before": _before(report.get("champion") or {}),
        "classes": _classes(report),
        "matrix": matrix(report, values),
        "expected_error": calibration.get("expected_error"),
        "reliability": [
            findings.pick(row, "confidence", "accuracy", "examples") for row in calibration.get("reliability", ())
        ],
        "slices": _slices(report.get("slices") or (), names),
        "split": findings.pick(split, "clean", "groups_in_both", "texts_in_both", "near_texts_in_both")
        if split
        else None,
        "notes": [str(each) for each in report.get("notes") or ()],
    }


def _before(champion: Mapping[str, Any]) -> dict[str, Any] | None:
    """Against the champion that it was compared with, on what both were measured on."""
    if not champion:
        return None
    shown = ("version", "score", "challenger_score", "examples", "difference", "low", "high", "level", "beyond_chance")
    return findings.pick(champion, *shown) | {"lost": champion.get("lost", []), "won": champion.get("won", [])}


def _classes(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The worst first; those of which nothing was measured last."""
    edges = [f"{name}_{end}" for name in _RATES for end in ("low", "high")]
    rows = [
        findings.pick(row, "label", *_RATES, *edges, "support", "predicted", "train")
        for row in report.get("classes") or ()
    ]
    return sorted(rows, key=lambda row: (row["f1"] is None, row["f1"] or 0.0, row["label"]))


def matrix(report: Mapping[str, Any], values: Sequence[str]) -> dict[str, Any] | None:
    """How often people said one thing (rows) and the model another (columns); None where nothing can be mixed up.

    `values` are the question's own: others, such as nothing at all, cannot be looked for among examples. Of many
    classes those stand there that are mixed up most; `left_out` are the others.
    """
    counts = {(row["gold"], row["predicted"]): int(row["count"]) for row in report.get("confusions") or ()}
    hits = {
        row["label"]: round((row.get("recall") or 0.0) * (row.get("support") or 0))
        for row in report.get("classes") or ()
        if row.get("support") or row.get("predicted")
    }
    if not hits:
        return None
    counts |= {(label, label): count for label, count in hits.items() if count}
    mixed = dict.fromkeys(hits, 0)
    for (gold, said), count in counts.items():
        for each in {gold, said} if gold != said else ():
            mixed[each] = mixed.get(each, 0) + count
    places = {value: place for place, value in enumerate(values)}
    ordered = sorted(mixed, key=lambda each: (places.get(each, len(places)), each))
    kept = set(sorted(mixed, key=lambda each: (-mixed[each], -hits.get(each, 0), each))[:MATRIX])
    labels = [each for each in ordered if each in kept]
    golds = [each for each in labels if any((each, said) in counts for said in labels)]
    columns = [each for each in labels if any((gold, each) in counts for gold in golds)]
    return {
        "columns": columns,
        "rows": [{"label": gold, "counts": [counts.get((gold, said), 0) for said in columns]} for gold in golds],
        "values": [each for each in labels if each in places],
        "left_out": len(mixed) - len(labels),
    }


def _slices(rows: Sequence[Mapping[str, Any]], names: bool) -> list[dict[str, Any]]:
    """By slice, in their order, those that every text has first."""
    kept = [findings.pick(row, *_SLICE) for row in rows if names or row["slice"] not in findings.PEOPLE]
    order = [*KNOWN, LANGUAGE, "label age", "origin"]
    return sorted(kept, key=lambda row: order.index(row["slice"]) if row["slice"] in order else len(order))
