"""Responses as work: who answered what. Which suggestion stood there, Argilla does not know; the ledger does."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from labelwheel.plugins.argilla.adding import added
from labelwheel.plugins.argilla.answers import decode, said
from labelwheel.plugins.argilla.layout import Layout
from labelwheel.plugins.connector import Work
from labelwheel.plugins.limits import in_words
from labelwheel.training.questions import Answer, Example

log = logging.getLogger(__name__)

MOST_REASONS = 20


def work_of(layout: Layout, record: Mapping[str, Any], example: Example) -> Iterator[Work]:
    """What people have submitted or discarded; drafts are not done yet."""
    responses = record.get("responses")
    for response in responses if isinstance(responses, list) else []:
        if not isinstance(response, Mapping) or response.get("status") not in ("submitted", "discarded"):
            continue
        if response.get("id") is None:
            log.warning("record %s: a response without an id is passed over", example.key)
            continue
        skipped = response["status"] == "discarded"
        answers, silent, rejected = ({}, [], []) if skipped else _said(layout, response, example)
        if added(record):  # elsewhere people were asked one question, and said nothing of the others
            answers = {name: answer for name, answer in answers.items() if name not in silent}
            silent = []
        yield Work(
            key=str(response["id"]),
            example=example.key,
            annotator=f"argilla:{response.get('user_id') or 'nobody'}",
            updated_at=moment(response.get("updated_at") or response.get("inserted_at")),
            created_at=moment(response["inserted_at"]) if response.get("inserted_at") else None,
            answers=answers,
            silent=tuple(silent),
            skipped=skipped,
            rejected=tuple(rejected[:MOST_REASONS]),
        )


def _said(
    layout: Layout, response: Mapping[str, Any], example: Example
) -> tuple[dict[str, Answer], list[str], list[str]]:
    """Answers, which of them were given by saying nothing, and what could not be taken."""
    # a discarded response carries what the page was filled in with, and a program may send none at all
    given = response.get("values")
    values = given if isinstance(given, Mapping) else {}
    answers: dict[str, Answer] = {}
    silent: list[str] = []
    rejected: list[str] = []
    for control in layout.controls:
        try:
            found, refused = decode(control, values, example)
        except Exception as error:  # one answer costs no other, whatever stands in it
            log.exception("record %s: the answer to %r in response %s", example.key, control.name, response["id"])
            rejected.append(f"{control.name!r}: the answer cannot be read: {in_words(error)}")
            continue
        answers |= found
        silent += found if said(control, values) is None else ()
        rejected += refused
    return answers, silent, rejected


def moment(text: Any) -> datetime:
    """A timestamp of Argilla's, in UTC without saying so; the epoch where there is none."""
    try:
        found = datetime.fromisoformat(str(text))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(0, UTC)
