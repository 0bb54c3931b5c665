"""What each sort of control writes into the values of its regions, and reads from them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelwheel.plugins.label_studio.hypertext import Rendered, units
from labelwheel.plugins.label_studio.layout import Control
from labelwheel.training.questions import PATH_SEPARATOR, Answer, Prediction, brief

Regions = Sequence[Mapping[str, Any]]
Written = Iterable[tuple[dict[str, Any], float | None]]

SPAN_TYPES = ("labels", "hypertextlabels")
"""Under which name a region has its labels; it is the tag's, and the tag may be another one by now."""


class Format(ABC):
    """How one sort of control looks in regions, stateless."""

    @abstractmethod
    def write(self, control: Control, answer: Answer, data: object, scores: Mapping[Any, float]) -> Written:
        """The value of each region of an answer that fits, and its own score; None is that of the whole answer."""

    @abstractmethod
    def read(self, control: Control, regions: Regions, data: object, rejected: list[str]) -> Answer:
        """What the regions of one control say, not yet checked; None where the question was left open."""


class Spans(Format):
    """A region for each span."""

    def write(self, control: Control, answer: Answer, data: object, scores: Mapping[Any, float]) -> Written:
        rendered = _rendered(control, data)
        text = "" if rendered else control.sources[0].text(data if isinstance(data, Mapping) else {})
        for span in answer:
            value = _span_value(control, span, rendered, text)
            if value is not None:
                yield value, scores.get(_key(span))

    def read(self, control: Control, regions: Regions, data: object, rejected: list[str]) -> Answer:
        rendered = _rendered(control, data)
        spans = [span for region in regions for span in _spans(control, region, rendered, rejected)]
        return None if not spans and (control.conditional or regions) else spans


class Choices(Format):
    """All that was chosen in one region."""

    def write(self, control: Control, answer: Answer, data: object, scores: Mapping[Any, float]) -> Written:
        chosen = answer if control.multiple else [answer]
        if chosen:
            yield {"choices": [one.split(PATH_SEPARATOR) for one in chosen] if control.nested else chosen}, None

    def read(self, control: Control, regions: Regions, data: object, rejected: list[str]) -> Answer:
        given = (one for region in regions for one in _listed(region["value"].get("choices")))
        chosen = [control.canonical(*_steps(one)) for one in given]
        if control.multiple:
            return None if not chosen and control.conditional else chosen
        if len(set(chosen)) > 1:
            rejected.append(f"{control.question.name!r} takes one choice, not {brief(', '.join(chosen[:5]))}")
            return None
        return chosen[0] if chosen else None


class Taxonomy(Format):
    """All paths in one region, no more than the control takes."""

    def write(self, control: Control, answer: Answer, data: object, scores: Mapping[Any, float]) -> Written:
        if answer:
            paths = sorted(answer, key=lambda path: -scores.get(tuple(path), 0.0))[: control.limit]
            yield {"taxonomy": [path for path in answer if path in paths]}, None

    def read(self, control: Control, regions: Regions, data: object, rejected: list[str]) -> Answer:
        given = (path for region in regions for path in _listed(region["value"].get("taxonomy")))
        return [_path(control, path) for path in given] or None


@dataclass(frozen=True)
class Single(Format):
    """One value under one key."""

    key: str

    def write(self, control: Control, answer: Answer, data: object, scores: Mapping[Any, float]) -> Written:
        yield {self.key: int(answer) if isinstance(answer, float) and answer == int(answer) else answer}, None

    def read(self, control: Control, regions: Regions, data: object, rejected: list[str]) -> Answer:
        given = (region["value"].get(self.key) for region in reversed(regions))
        return next((value for value in given if value is not None), None)


class Texts(Format):
    """All that people wrote in one region; where the control takes one text, the answer is that."""

    def write(self, control: Control, answer: Answer, data: object, scores: Mapping[Any, float]) -> Written:
        yield {"text": [answer] if isinstance(answer, str) else answer}, None

    def read(self, control: Control, regions: Regions, data: object, rejected: list[str]) -> Answer:
        given = [one for region in regions for one in _listed(region["value"].get("text")) if one != ""]
        if control.question.maximum != 1 or not given:
            return given or None
        if len(given) > 1:
            rejected.append(f"{control.question.name!r} takes one text, not {len(given)}")
            return None
        return given[0]


FORMATS: Mapping[str, Format] = {
    "choices": Choices(),
    "labels": Spans(),
    "hypertextlabels": Spans(),
    "taxonomy": Taxonomy(),
    "rating": Single("rating"),
    "number": Single("number"),
    "pairwise": Single("selected"),
    "textarea": Texts(),
}
"""By the control's tag, in lower case, as regions name it."""


def item_scores(prediction: Prediction) -> dict[Any, float]:
    """The score of each item of a list answer, by the item."""
    if not isinstance(prediction.answer, list):
        return {}
    return {_key(item): score for item, score in zip(prediction.answer, prediction.item_scores, strict=False)}


def _key(item: Any) -> Any:
    if isinstance(item, Mapping):
        return item.get("start"), item.get("end"), item.get("label")
    return tuple(item) if isinstance(item, list) else item


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
