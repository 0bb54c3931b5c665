"""Predictions as Label Studio's regions, and regions as answers; only what config and text know passes."""

from __future__ import annotations

import hashlib
import logging
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from labelwheel.plugins.label_studio import values
from labelwheel.plugins.label_studio.layout import Layout
from labelwheel.plugins.label_studio.values import item_scores
from labelwheel.plugins.limits import in_words
from labelwheel.training.questions import Answer, Example, Prediction

log = logging.getLogger(__name__)

REGION_ID = re.compile(r"lw[0-9a-f]{10}-(v|x)([A-Za-z0-9_-]+)")
PLAIN = re.compile(r"[A-Za-z0-9_-]+")


def encode(
    layout: Layout, example: Example, data: object, predictions: Mapping[str, Prediction], version: str
) -> list[dict[str, Any]]:
    """All regions of one task, in the order of the config; what does not fit config or text is left out."""
    regions: list[dict[str, Any]] = []
    for name, control in layout.controls.items():
        prediction = predictions.get(name)
        if prediction is None or prediction.answer is None or not control.question.text(example):
            continue
        answer, _ = control.question.fitting(prediction.answer, example)
        if answer is None:
            continue
        scores = item_scores(prediction)
        for index, (value, score) in enumerate(values.FORMATS[control.type].write(control, answer, data, scores)):
            regions.append(
                {
                    "id": region_id(example.key, name, version, index),
                    "from_name": name,
                    "to_name": control.to_name,
                    "type": control.type,
                    "value": value,
                    "score": probability(prediction.score if score is None else score),
                }
            )
    return regions


def decode(
    layout: Layout, regions: Iterable[Any], example: Example, data: object
) -> tuple[dict[str, Answer], list[str]]:
    """Answers by question name, canonical, and what could not be taken, in words. Questions left open are no keys."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for region in regions:
        if isinstance(region, Mapping) and isinstance(region.get("value"), Mapping):
            found.setdefault(str(region.get("from_name")), []).append(region)
    answers: dict[str, Answer] = {}
    rejected: list[str] = []
    for name, control in layout.controls.items():
        try:
            answer = values.FORMATS[control.type].read(control, found.get(name, []), data, rejected)
            if answer is None:
                continue
            fitted, refused = control.question.fitting(answer, example)
        except Exception as error:  # one answer costs no other, whatever stands in it
            log.warning("task %s: an answer to %r cannot be read", example.key, name, exc_info=True)
            rejected.append(f"{name!r}: the answer cannot be read: {in_words(error)}")
            continue
        rejected += refused
        if fitted is not None:
            answers[name] = fitted
    return answers, rejected


def score_of(predictions: Mapping[str, Prediction]) -> float:
    """How sure the model is of a whole task: as sure as of its least sure answer; 0 where it has none."""
    scores = [probability(prediction.score) for prediction in predictions.values() if prediction.answer is not None]
    return min(scores, default=0.0)


def probability(score: float) -> float:
    """A score that Label Studio can store: finite, within [0, 1]."""
    return round(min(max(float(score), 0.0), 1.0), 4) if math.isfinite(score) else 0.0


def region_id(task: str, question: str, version: str, index: int) -> str:
    """The same for the same suggestion, and readable: a submitted region still names the version that it came from."""
    digest = hashlib.sha256("\0".join((task, question, version, str(index))).encode()).hexdigest()[:10]
    readable = f"v{version}" if PLAIN.fullmatch(version) else f"x{version.encode().hex()}"
    return f"lw{digest}-{readable}"


def generation_of(version: object) -> str:
    """The generation that a version is of: a revision's name is its generation's and a number."""
    return str(version).partition(".")[0]


def version_of(region: Any) -> str | None:
    """The version that a region's id names, if the region came from one of our suggestions."""
    match = REGION_ID.fullmatch(str(region.get("id", ""))) if isinstance(region, Mapping) else None
    if match is None:
        return None
    if match[1] == "v":
        return match[2]
    try:
        return bytes.fromhex(match[2]).decode("utf-8", "replace")
    except ValueError:
        return None  # somebody else's id that begins like ours
