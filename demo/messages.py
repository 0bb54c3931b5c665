"""The demo's texts and gold answers, as Label Studio tasks and regions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo.stack.annotator import Region, choice_region, span_region

FOLDER = Path(__file__).parent
LABEL_CONFIG = (FOLDER / "label_config.xml").read_text(encoding="utf-8")


def rows() -> list[dict[str, Any]]:
    """Every message with its id, text, topic and spans."""
    return [json.loads(line) for line in (FOLDER / "messages.jsonl").read_text(encoding="utf-8").splitlines()]


def tasks() -> list[dict[str, Any]]:
    """What is imported: the texts, without the answers."""
    return [{"id": row["id"], "text": row["text"]} for row in rows()]


class Gold:
    """The gold answers, looked up by a message's id."""

    def __init__(self) -> None:
        self.rows = {row["id"]: row for row in rows()}

    def __call__(self, data: Mapping[str, Any]) -> Mapping[str, list[Region]]:
        row = self.rows[data["id"]]
        return {
            "topic": [choice_region("topic", row["topic"])],
            "mentions": [span_region("mentions", span) for span in row["spans"]],
        }
