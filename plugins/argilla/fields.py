"""What stands in a record: its text and chat fields as the texts that a model reads, its metadata as columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelwheel.plugins.columns import columns
from labelwheel.plugins.limits import clean
from labelwheel.training.questions import Example

READ = ("text", "chat")
"""The types of field that have text."""
UNREAD = {
    "image": "it shows an image, and only text is learnt from",
    "custom": "it shows a template of its own, whose text nobody knows",
}


def example(record: Mapping[str, Any], read: Mapping[str, str]) -> Example:
    """A record as an example; `read` has the type of each field to read, by name."""
    values = record.get("fields") or {}
    texts = {name: text(values.get(name), kind) for name, kind in read.items()}
    return Example(
        key=str(record["id"]), fields={name: found for name, found in texts.items() if found}, columns=metadata(record)
    )


def metadata(record: Mapping[str, Any]) -> dict[str, str]:
    """What others wrote into a record's metadata."""
    return columns(record.get("metadata"))


def text(value: Any, kind: str) -> str:
    """A field's value as text; a chat as a line for each message."""
    if kind == "chat" and isinstance(value, list):
        messages = [one for one in value if isinstance(one, Mapping)]
        return clean("\n".join(f"{one.get('role') or ''}: {one.get('content') or ''}" for one in messages))
    return clean(value if isinstance(value, str) else "" if value is None else str(value))
