"""Responses as work: who answered what. Which suggestion stood there, Argilla does not know; the ledger does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from plugins.argilla.answers import decode
from plugins.argilla.layout import Layout
from plugins.connector import Work
from training.questions import Example

MOST_REASONS = 20


def work_of(layout: Layout, record: Mapping[str, Any], example: Example) -> Iterator[Work]:
    """What people have submitted or discarded; drafts are not done yet."""
    for response in record.get("responses") or []:
        if response.get("status") not in ("submitted", "discarded"):
            continue
        skipped = response["status"] == "discarded"
        answers: dict[str, Any] = {}
        rejected: list[str] = []
        # a discarded response carries what the page was filled in with, and a program may send none at all
        values = response.get("values") if isinstance(response.get("values"), Mapping) else {}
        for control in () if skipped else layout.controls:
            found, refused = decode(control, values, example)
            answers |= found
            rejected += refused
        yield Work(
            key=str(response["id"]),
            example=example.key,
            annotator=f"argilla:{response.get('user_id') or 'nobody'}",
            updated_at=moment(response.get("updated_at") or response.get("inserted_at")),
            created_at=moment(response["inserted_at"]) if response.get("inserted_at") else None,
            answers=answers,
            skipped=skipped,
            rejected=tuple(rejected[:MOST_REASONS]),
        )


def moment(text: Any) -> datetime:
    """A timestamp of Argilla's, in UTC without saying so; the epoch where there is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
