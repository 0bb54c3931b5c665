"""Annotations as work: who answered what, and what became of the suggestion that they started from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from plugins.connector import Work
from plugins.label_studio.layout import Layout
from plugins.label_studio.regions import decode, version_of
from training.questions import Answer, Example


def work_of(layout: Layout, task: Mapping[str, Any], example: Example) -> Iterator[Work]:
    """All submitted annotations of a task that came with its annotations and predictions; drafts are not among them."""
    data = task.get("data")
    predictions = {one["id"]: one for one in _dicts(task.get("predictions")) if "id" in one}
    for annotation in _dicts(task.get("annotations")):
        parent = predictions.get(annotation.get("parent_prediction"))
        regions = [region for region in annotation.get("result") or [] if isinstance(region, Mapping)]
        skipped = bool(annotation.get("was_cancelled"))
        answers, rejected = ({}, []) if skipped else decode(layout, regions, example, data)
        shown = _shown(layout, parent, example, data)
        version = _version(parent, regions)
        yield Work(
            key=str(annotation["id"]),
            example=example.key,
            annotator=f"label-studio:{_person(annotation.get('completed_by'))}",
            updated_at=moment(annotation.get("updated_at") or annotation.get("created_at")),
            created_at=moment(annotation["created_at"]) if annotation.get("created_at") else None,
            lead_time=_seconds(annotation.get("lead_time")),
            answers=answers,
            version=version,
            origins={name: _origin(name, answer, shown, regions) for name, answer in answers.items()},
            skipped=skipped,
            rejected=tuple(rejected[:20]),
        )


def moment(text: Any) -> datetime:
    """A timestamp of Label Studio's; the epoch where there is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _shown(
    layout: Layout, parent: Mapping[str, Any] | None, example: Example, data: object
) -> dict[str, Answer] | None:
    """What the suggestion said, where it still exists."""
    if parent is None:
        return None
    regions = [region for region in parent.get("result") or [] if isinstance(region, Mapping)]
    answers, _ = decode(layout, regions, example, data)
    return {name: answer for name, answer in answers.items() if answer not in (None, [])}


def _origin(name: str, answer: Answer, shown: Mapping[str, Answer] | None, regions: list[Mapping[str, Any]]) -> str:
    if shown is not None:
        if name not in shown:
            return "made"
        return "accepted" if shown[name] == answer else "changed"
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
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
