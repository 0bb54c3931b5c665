"""The demo's texts and gold answers, as Label Studio's tasks and regions and as Argilla's records and values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testkit.annotator import Region, choice_region, span_region
from testkit.argilla_annotator import spans_as_shown
from testkit.argilla_api import label_question, span_question

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


def argilla_questions() -> list[dict[str, Any]]:
    """The two questions of the label config, as Argilla asks them."""
    topics = sorted({row["topic"] for row in rows()})
    mentions = sorted({span["label"] for row in rows() for span in row["spans"]})
    asked = [span_question("mentions", mentions), label_question("topic", topics)]
    titles = ("What does the customer mention?", "What is the message about?")
    return [{**one, "title": title} for one, title in zip(asked, titles, strict=True)]


class ArgillaGold:
    """The gold answers as values of Argilla's, looked up by a message's text."""

    def __init__(self) -> None:
        self.rows = {row["text"]: row for row in rows()}

    def __call__(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        row = self.rows[fields["text"]]
        return {"topic": row["topic"], "mentions": spans_as_shown(row["text"], row["spans"])}
