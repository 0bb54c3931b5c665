"""The gate: whether a challenger replaces the champion, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from labelwheel.backend.settings import Settings
from labelwheel.training import named_models
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.evaluation.comparison import compare
from labelwheel.training.evaluation.findings import CurveOf, CurvePoint
from labelwheel.training.heads.standing import UNTRAINED
from labelwheel.training.kinds import kind_of
from labelwheel.training.spec import JobResult, Recipe

RESULT = "result.json"
CHEAPER = 0.02
"""What a challenger may be worse by that costs nothing to ask where the champion does."""


class Judgement(NamedTuple):
    """The gate's word; `details` go into the decision log. Scores are None where nothing could be measured.

    `learning_curve` is that of heads on what is served afterwards; None where none was drawn.
    """

    promote: bool
    reason: str
    manifest: Manifest
    metric: str
    score: float | None
    low: float | None
    high: float | None
    details: dict[str, Any]
    digest: str | None = None  # of the manifest
    look: int | None = None
    learning_curve: list[dict[str, Any]] | None = None


def judge(folder: Path, version: str, recipe: str, settings: Settings, look: int = 1, grown: bool = False) -> Judgement:
    """Reads what a job has written and compares; raises InvalidCheckpoint where that is not whole.

    `look` is the how-manieth of its champion's challengers it is that share one level (`champion_groups.next_look`),
    `grown` tells that the labels have since the last one.
    """
    written = checkpoint.read(folder)
    manifest = written.manifest
    try:
        result = JobResult.model_validate_json((folder / RESULT).read_bytes())
    except (OSError, ValidationError) as error:
        raise InvalidCheckpoint(f"{folder / RESULT} cannot be read: {error}") from error
    if version not in (manifest.version, result.version) or manifest.version != result.version:
        raise InvalidCheckpoint(f"{folder} holds {manifest.version}, not {version}")
    score, low, high = _measured(result.report)
    if recipe == Recipe.NAMES:
        said = "it answers from the label names alone"
        if not kind_of(manifest.question).exclusive:
            said = "it suggests an option where its name alone stands out, and nothing elsewhere"
        if told := manifest.settings.get("zero_shot"):
            said = f"the zero-shot model {told} answers, told what the options are called"
        if told := manifest.settings.get("language_model"):
            said = f"the language model {told} answers, told the question and its options; where it does not, {said}"
        reason = "; ".join([f"{said}, until labels do better", *_unused(result.report)])
        return Judgement(True, reason, manifest, result.metric, score, low, high, _asked(manifest), written.digest)
    found = compare(
        result.pairs,
        floor=settings.gate_floor,
        level=settings.gate_level,
        look=look,
        grown=grown,
        unlearnt=result.followed and manifest.recipe in UNTRAINED,
        # what has to be paid for each suggestion keeps its place only where it is better
        margin=max(settings.gate_margin, CHEAPER if result.saves else 0.0),
        by_head=result.by_head,
        unrivalled=result.unrivalled,
        slices=settings.named_slices,
        seed=settings.seed,
    )
    details = found.model_dump(mode="json") | {"cross_validated": result.cross_validated}
    reason = found.reason
    if result.saves:
        details["saves"] = result.saves
        if found.passes:
            reason += f" It takes the place of a language model, which saves {result.saves}."
    reason = " ".join([reason, *(f"{said}." for said in _unused(result.report))])
    details |= _asked(manifest)
    details["report"] = {key: result.report[key] for key in _REPORTED if key in result.report}
    # heads would stand on an encoder that has learnt from these labels, which a curve of before says nothing of
    untold = found.passes and manifest.recipe not in UNTRAINED
    return Judgement(
        found.passes, reason, manifest, result.metric, score, low, high, details, written.digest, found.look,
        None if untold else _learning_curve(result.report),
    )  # fmt: skip


_PAID = ("language_model", "language_place", "money_per_request", "requests_per_suggestion")
_SAID = 400
"""So many characters of why a model that is named was not used."""
_POINTS = TypeAdapter(list[CurvePoint])
_REPORTED = ("chosen", "reason", "started_from", "scored_on", "hidden")


def _asked(manifest: Manifest) -> dict[str, Any]:
    """The language model that answers, for the decision log; nothing where there is none."""
    if "language_model" not in manifest.settings:
        return {}
    return {"language_model": {key: manifest.settings.get(key) for key in _PAID}}


def _unused(report: dict[str, Any]) -> list[str]:
    """What was named and did not take part, as nobody would look for it in the report."""
    return [said.removesuffix(".")[:_SAID] for said in named_models.among(report.get("notes") or ())]


def _learning_curve(report: dict[str, Any]) -> list[dict[str, Any]] | None:
    if report.get("learning_curve_of") != CurveOf.HEADS:
        return None
    try:
        return [each.model_dump() for each in _POINTS.validate_python(report.get("learning_curve"))]
    except ValidationError:
        return None  # a forecast less is no reason against a challenger


def _measured(report: dict[str, Any]) -> tuple[float | None, float | None, float | None]:
    headline = report.get("headline")
    if not isinstance(headline, dict):
        return None, None, None
    return headline.get("value"), headline.get("low"), headline.get("high")
