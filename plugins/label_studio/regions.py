"""Predictions as Label Studio's regions, and regions as answers; only what config and text know passes."""

from __future__ import annotations

import hashlib
import logging
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from labelwheel.plugins.label_studio.hypertext import Rendered, units
from labelwheel.plugins.label_studio.layout import Control, Layout
from labelwheel.plugins.limits import in_words
from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.questions import PATH_SEPARATOR, Answer, Example, Kind, Prediction, Question, brief

log = logging.getLogger(__name__)

LISTS = frozenset((Kind.CHOICES, Kind.SPANS, Kind.TAXONOMY))
SPAN_TYPES = ("labels", "hypertextlabels")
"""Under which name a region has its labels; it is the tag's, and the tag may be another one by now."""
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
        answer, _ = fitting(control.question, prediction.answer, example)
        scores = _item_scores(prediction)
        for index, (value, score) in enumerate(_values(control, answer, data, scores)):
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
            answer = _answer(control, found.get(name, []), data, rejected)
            if answer is None:
                continue
            fitted, refused = fitting(control.question, answer, example)
        except Exception as error:  # one answer costs no other, whatever stands in it
            log.warning("task %s: an answer to %r cannot be read", example.key, name, exc_info=True)
            rejected.append(f"{name!r}: the answer cannot be read: {in_words(error)}")
            continue
        rejected += refused
        if fitted is not None:
            answers[name] = fitted
    return answers, rejected


def fitting(question: Question, answer: Answer, example: Example) -> tuple[Answer, list[str]]:
    """The part of an answer that fits question and text, and what was refused; None where nothing can be kept."""
    refused: list[str] = []
    if question.kind in LISTS and isinstance(answer, list):
        kept = []
        for item in answer:
            try:
                question.check([item], example)
                kept.append(item)
            except InvalidAnswer as error:
                refused.append(str(error))
        return (None if refused and not kept else question.check(kept, example)), refused
    try:
        return question.check(answer, example), refused
    except InvalidAnswer as error:
        return None, [str(error)]


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


def _item_scores(prediction: Prediction) -> dict[Any, float]:
    if not isinstance(prediction.answer, list):
        return {}
    return {_key(item): score for item, score in zip(prediction.answer, prediction.item_scores, strict=False)}


def _key(item: Any) -> Any:
    if isinstance(item, Mapping):
        return item.get("start"), item.get("end"), item.get("label")
    return tuple(item) if isinstance(item, list) else item


def _values(
    control: Control, answer: Answer, data: object, scores: Mapping[Any, float]
) -> Iterable[tuple[dict[str, Any], float | None]]:
    match control.question.kind:
        case Kind.SPANS if answer:
            rendered = _rendered(control, data)
            text = "" if rendered else control.sources[0].text(data if isinstance(data, Mapping) else {})
            for span in answer:
                value = _span_value(control, span, rendered, text)
                if value is not None:
                    yield value, scores.get(_key(span))
        case Kind.CHOICE | Kind.CHOICES if answer:
            chosen = answer if isinstance(answer, list) else [answer]
            yield {"choices": [one.split(PATH_SEPARATOR) for one in chosen] if control.nested else chosen}, None
        case Kind.TAXONOMY if answer:
            paths = sorted(answer, key=lambda path: -scores.get(tuple(path), 0.0))[: control.limit]
            yield {"taxonomy": [path for path in answer if path in paths]}, None
        case Kind.RATING if answer is not None:
            yield {"rating": answer}, None
        case Kind.NUMBER if answer is not None:
            yield {"number": int(answer) if answer == int(answer) else answer}, None
        case Kind.PAIRWISE if answer is not None:
            yield {"selected": answer}, None


def _rendered(control: Control, data: object) -> Rendered | None:
    source = control.sources[0]
    if source.tag != "HyperText":
        return None
    return source.rendered(data if isinstance(data, Mapping) else {})


def _span_value(
    control: Control, span: Mapping[str, Any], rendered: Rendered | None, text: str
) -> dict[str, Any] | None:
    start, end, label = span["start"], span["end"], span["label"]
    if rendered is None:
        return {"start": start, "end": end, "text": text[start:end], control.type: [label]}
    ends = rendered.outward(start, end)
    if ends is None:
        return None
    first, offset, last, stop = ends
    value: dict[str, Any] = {"start": "", "startOffset": 0, "end": "", "endOffset": 0}
    if rendered.certain:
        value = {
            "start": first.path,
            "startOffset": units(first.text[:offset]),
            "end": last.path,
            "endOffset": units(last.text[:stop]),
        }
    # Where a path leads nowhere, Label Studio goes by globalOffsets and finds the path itself.
    value["globalOffsets"] = {"start": first.place + offset, "end": last.place + stop}
    return {**value, "text": rendered.text[start:end], control.type: [label]}


def _answer(control: Control, regions: list[Mapping[str, Any]], data: object, rejected: list[str]) -> Answer:
    """What the regions of one control say, not yet checked; None where the question was left open."""
    kind = control.question.kind
    values = [region["value"] for region in regions]
    if kind is Kind.SPANS:
        rendered = _rendered(control, data)
        spans = [span for region in regions for span in _spans(control, region, rendered, rejected)]
        return None if not spans and (control.conditional or values) else spans
    if kind in (Kind.CHOICE, Kind.CHOICES):
        chosen = [control.canonical(*_steps(one)) for value in values for one in _listed(value.get("choices"))]
        if kind is Kind.CHOICES:
            return None if not chosen and control.conditional else chosen
        if len(set(chosen)) > 1:
            rejected.append(f"{control.question.name!r} takes one choice, not {brief(', '.join(chosen[:5]))}")
            return None
        return chosen[0] if chosen else None
    if kind is Kind.TAXONOMY:
        return [_path(control, path) for value in values for path in _listed(value.get("taxonomy"))] or None
    key = {Kind.RATING: "rating", Kind.NUMBER: "number", Kind.PAIRWISE: "selected"}[kind]
    return next((value[key] for value in reversed(values) if value.get(key) is not None), None)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _steps(value: Any) -> list[str]:
    return [str(step) for step in value] if isinstance(value, list) else [str(value)]


def _path(control: Control, path: Any) -> Any:
    if not isinstance(path, list) or not all(isinstance(step, str) for step in path):
        return path
    return control.canonical(*path).split(PATH_SEPARATOR)


def _spans(
    control: Control, region: Mapping[str, Any], rendered: Rendered | None, rejected: list[str]
) -> Iterable[dict[str, Any]]:
    value = region["value"]
    named = next((value[key] for key in (control.type, str(region.get("type")), *SPAN_TYPES) if key in value), None)
    labels = [label for label in _listed(named) if isinstance(label, str)]
    edges = _edges(value) if rendered is None else _places(value, rendered)
    if edges is None or not labels:
        rejected.append(f"{control.question.name!r}: a region has no {'label' if edges else 'place'} that can be read")
        return
    for label in labels:
        yield {"start": edges[0], "end": edges[1], "label": control.canonical(label)}


def _edges(value: Mapping[str, Any]) -> tuple[int, int] | None:
    start, end = _whole(value.get("start")), _whole(value.get("end"))
    return None if start is None or end is None else (start, end)


def _places(value: Mapping[str, Any], rendered: Rendered) -> tuple[int, int] | None:
    """The edges of a HyperText region in the text that models read."""
    places = value.get("globalOffsets")
    edges = _edges(places if isinstance(places, Mapping) else value)
    if edges is None:
        starts = rendered.place(str(value.get("start")), _whole(value.get("startOffset")) or 0)
        ends = rendered.place(str(value.get("end")), _whole(value.get("endOffset")) or 0)
        edges = None if starts is None or ends is None else (starts, ends)
    if edges is None:
        return None
    start, end = rendered.inward(edges[0]), rendered.inward(edges[1], end=True)
    return None if start is None or end is None or start >= end else (start, end)


def _whole(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if math.isfinite(number) and number == int(number) else None
