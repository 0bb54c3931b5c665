"""What whoever answered a task first was shown: the same is for all others who are to answer it.

A model that has learnt from the first answer would tell it to them, and people would agree more than they do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from labelwheel.plugins.label_studio.annotations import dicts, moment
from labelwheel.plugins.label_studio.regions import generation_of

Task = Mapping[str, Any]
_UNKNOWN = moment(None)


def is_half_answered(task: Task) -> bool:
    """Whether somebody has answered a task that others are to answer as well."""
    given, wanted = task.get("total_annotations"), task.get("overlap")
    return type(given) is int and type(wanted) is int and 0 < given < wanted


def shown(task: Task, generations: Collection[str]) -> dict[str, Any] | list[dict[str, Any]]:
    """The newest prediction of these generations from before the first annotation; an empty list without any.

    As Label Studio sent it with the task: it stores it once more, and shows that.
    """
    answered = [_made(one) for one in dicts(task.get("annotations")) if not one.get("was_cancelled")]
    begun = min(answered, default=_UNKNOWN)
    found = [
        one
        for one in dicts(task.get("predictions"))
        if _UNKNOWN < _made(one) <= begun
        and generation_of(one.get("model_version")) in generations
        and isinstance(one.get("result"), list)
    ]
    if not found:
        return []
    newest = max(found, key=_made)
    return {key: newest.get(key) for key in ("result", "score", "model_version")}


def _made(row: Mapping[str, Any]) -> datetime:
    return moment(row.get("created_at"))
