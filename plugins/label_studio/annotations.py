"""Annotations as work: who answered what, and what became of the suggestion that they started from."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from labelwheel.plugins.connector import Work
from labelwheel.plugins.label_studio.layout import Layout
from labelwheel.plugins.label_studio.regions import decode, version_of
from labelwheel.plugins.limits import in_words
from labelwheel.training.questions import Answer, Example, finite

log = logging.getLogger(__name__)

MOST_REASONS = 20
ADDED = "labelwheel_flag"
"""In a task's data: under which name it was added, with what somebody answered elsewhere."""


def work_of(layout: Layout, task: Mapping[str, Any], example: Example) -> Iterator[Work]:
    """All submitted annotations of a task that came with its annotations and predictions; drafts are not among them."""
    predictions = {one["id"]: one for one in dicts(task.get("predictions")) if isinstance(one.get("id"), int)}
    for annotation in dicts(task.get("annotations")):
        if annotation.get("id") is None:
            log.warning("task %s: an annotation without an id is passed over", example.key)
            continue
        facts = _facts(annotation, example)
        try:
            facts |= _said(layout, annotation, predictions, example, task.get("data"))
        except Exception as error:  # one annotation costs no other, whatever stands in it
            log.exception("annotation %s of task %s cannot be read", annotation["id"], example.key)
            facts["rejected"] = (f"the annotation cannot be read: {in_words(error)}",)
        yield Work(**facts)


def _facts(annotation: Mapping[str, Any], example: Example) -> dict[str, Any]:
    """What is known of an annotation whatever it says."""
    return {
        "key": str(annotation["id"]),
        "example": example.key,
        "annotator": f"label-studio:{_person(annotation.get('completed_by'))}",
        "updated_at": moment(annotation.get("updated_at") or annotation.get("created_at")),
        "created_at": moment(annotation["created_at"]) if annotation.get("created_at") else None,
        "lead_time": _seconds(annotation.get("lead_time")),
        "skipped": bool(annotation.get("was_cancelled")),
        "answers": {},
    }


def _said(
    layout: Layout,
    annotation: Mapping[str, Any],
    predictions: Mapping[int, Mapping[str, Any]],
    example: Example,
    data: object,
) -> dict[str, Any]:
    given = annotation.get("parent_prediction")
    parent = predictions.get(given) if isinstance(given, int) else None
    regions = dicts(annotation.get("result"))
    answers, rejected = ({}, []) if annotation.get("was_cancelled") else decode(layout, regions, example, data)
    shown = _shown(layout, parent, example, data)
    named = {str(region.get("from_name")) for region in regions}
    silent = tuple(name for name, answer in answers.items() if answer == [] and name not in named)
    if isinstance(data, Mapping) and ADDED in data:
        # elsewhere people were asked one question, and said nothing of the others
        answers, silent = {name: answer for name, answer in answers.items() if name not in silent}, ()
    return {
        "answers": answers,
        "silent": silent,
        "version": _version(parent, regions),
        "origins": {name: _origin(layout, example, name, answer, shown, regions) for name, answer in answers.items()},
        "suggested": shown or {},
        "rejected": tuple(rejected[:MOST_REASONS]),
    }


def moment(text: Any) -> datetime:
    """A timestamp of Label Studio's; the epoch where there is none."""
    try:
        found = datetime.fromisoformat(str(text))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(0, UTC)


def _shown(
    layout: Layout, parent: Mapping[str, Any] | None, example: Example, data: object
) -> dict[str, Answer] | None:
    """What the suggestion said, where it still exists."""
    if parent is None:
        return None
    answers, _ = decode(layout, dicts(parent.get("result")), example, data)
    return {name: answer for name, answer in answers.items() if answer not in (None, [])}


def _origin(
    layout: Layout,
    example: Example,
    name: str,
    answer: Answer,
    shown: Mapping[str, Answer] | None,
    regions: list[Mapping[str, Any]],
) -> str:
    if shown is not None:
        if name not in shown:
            return "made"
        one, other = (layout.controls[name].question.comparable(each, example) for each in (shown[name], answer))
        return "accepted" if one == other else "changed"
    # The suggestion was taken away since, and its id with it: what is left are the marks on each region.
    marks = {str(region.get("origin")) for region in regions if region.get("from_name") == name}
    if marks == {"prediction"}:
        return "accepted"
    return "changed" if marks & {"prediction", "prediction-changed"} else "made"


def _version(parent: Mapping[str, Any] | None, regions: list[Mapping[str, Any]]) -> str | None:
    if parent is not None:
        return str(parent.get("model_version") or "") or None
    return next(filter(None, map(version_of, regions)), None)


def _person(completed_by: Any) -> str:
    if isinstance(completed_by, Mapping):
        completed_by = completed_by.get("id")
    return "nobody" if completed_by is None else str(completed_by)


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and finite(value) else None


def dicts(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; none of anything else."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
