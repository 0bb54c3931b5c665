"""Records that come with a response: what somebody answered elsewhere, once for each name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelwheel.plugins.argilla.answers import encode
from labelwheel.plugins.argilla.client import Rejected
from labelwheel.plugins.argilla.dataset import Dataset
from labelwheel.plugins.capabilities import Given
from labelwheel.plugins.errors import ToolError
from labelwheel.training.questions import Example, Prediction

PREFIX = "labelwheel-flag-"
"""Of the external id, which Argilla has once in each dataset."""


def add(dataset: Dataset, given: Given) -> None:
    """Adds a record with a submitted response of the key's owner."""
    layout = dataset.layout
    chats = [name for name, shape in layout.read.items() if shape != "text" and given.fields.get(name)]
    if chats:
        raise ToolError(f"field {chats[0]!r} of Argilla has a chat, and no text can be put there; label it there")
    example = Example(key=given.name, fields=given.fields)
    said = {name: Prediction(answer=answer, score=1.0) for name, answer in given.answers.items()}
    values: dict[str, Any] = {}
    for control in layout.controls:
        if any(question.name in said for question in control.questions):
            value = encode(control, said, example)
            if value is not None:
                values[control.name] = {"value": value.value}
            elif any(answer != [] for answer in given.answers.values()):
                raise ToolError(f"question {control.name!r} of Argilla cannot have that answer; label it there")
    response = {"user_id": dataset.client.get("/me")["id"], "status": "submitted", "values": values}
    record = {
        "fields": {name: text for name, text in given.fields.items() if text},
        "external_id": f"{PREFIX}{given.name}",
        "responses": [response],
    }
    try:
        dataset.client.send("PUT", f"{dataset.path}/records/bulk", {"items": [record]})
    except Rejected as error:
        raise ToolError(
            f"Argilla does not take an answer to {', '.join(given.answers)} alone: {error}; make its other questions "
            "optional, or label it there"
        ) from None


def added(record: Mapping[str, Any]) -> bool:
    """Whether a record came from here, and not with the dataset."""
    return str(record.get("external_id") or "").startswith(PREFIX)
