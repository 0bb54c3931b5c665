"""Suggestions into Argilla: what waits for them, showing them in bulk where they changed, taking old ones away.

A bulk update of `{id, suggestions}` alone touches neither fields, metadata nor responses. Argilla needs ten
milliseconds of its server's time for each record in it, however many go together, so only what changed is sent.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any

from labelwheel.plugins.argilla.answers import Value, decode, encode
from labelwheel.plugins.argilla.client import Missing, Rejected
from labelwheel.plugins.argilla.dataset import START, Dataset, Row
from labelwheel.plugins.argilla.layout import Layout
from labelwheel.plugins.argilla.ranks import RankedRecords
from labelwheel.plugins.connector import Page, Suggestion
from labelwheel.plugins.errors import ToolFailed
from labelwheel.training.questions import Answer, Example, Question

log = logging.getLogger(__name__)

PAGE = 100
"""So many records a page, of the 500 that Argilla takes at once: about a second, in which an annotator waits."""
RETIRE_SECONDS = 2.0
"""After which the rest is left for the next call: no label is read meanwhile."""
SAME_SCORE = 0.05
"""Scores are shown with one decimal; a smaller difference is not worth a write."""
_AS_ADDED = {"entity": "record", "property": "inserted_at"}
FOREIGN = re.compile(r"[^a-zA-Z0-9_:./\s-]")
"""What the name of an agent may not contain."""


class Pusher:
    """Remembers the records of the last page, which were looked at for which version, and how far `retire` has come."""

    def __init__(self, dataset: Dataset, ranks: RankedRecords) -> None:
        self._dataset = dataset
        self._ranks = ranks
        self._version: str | None = None
        self._done: set[str] = set()
        self._listed: dict[str, Row] = {}
        self._retiring: tuple[set[str], str | None] = set(), None

    def waiting(self, version: str, cursor: str | None) -> Iterator[Page]:
        """Records that nobody has answered, without those that were looked at for `version`.

        Those that have a rank come first, as people who sort by it see them next; the others as they were added.
        """
        if version != self._version:
            self._version, self._done = version, set()
        if cursor is None:
            ranked = self._ranks.first()
            for start in range(0, len(ranked), PAGE):
                yield from self._page(ranked[start : start + PAGE], START)
        for listing in self._dataset.scan(self._dataset.shown, PAGE, cursor):
            yield from self._page(listing.rows, listing.cursor)
        self._listed = {}

    def _page(self, listed: Sequence[Row], cursor: str) -> Iterator[Page]:
        rows = [row for row in listed if is_open(row) and row["id"] not in self._done]
        self._listed = {str(row["id"]): row for row in rows}
        if rows:
            yield Page(examples=tuple(self._dataset.layout.example(row) for row in rows), cursor=cursor)

    def upcoming(self, count: int) -> list[Example]:
        """What comes first for people who sort by rank and for those who sort by nothing, in turns."""
        found: dict[str, Row] = {}
        for row in chain.from_iterable(zip_longest(self._ranks.first(), self._added(count))):
            if row is not None and is_open(row):
                found.setdefault(str(row["id"]), row)
        rows = list(found.values())[:count]
        self._listed = {str(row["id"]): row for row in rows}
        return [self._dataset.layout.example(row) for row in rows]

    def _added(self, count: int) -> list[Row]:
        try:
            return self._dataset.first(_AS_ADDED, count, self._dataset.shown)
        except (Rejected, ToolFailed) as error:
            log.warning("newer suggestions only come to records with a rank at the moment: %s", error)
            return []

    def push(self, suggestions: Sequence[Suggestion], questions: Sequence[Question]) -> int:
        """Show what changed, take away what is not suggested any more; returns for how many records all is well."""
        known = {question.name for question in questions}
        items: list[Row] = []
        taken = 0
        unlisted = [one.example.key for one in suggestions if one.example.key not in self._listed]
        listed = {**self._listed, **self._dataset.found(unlisted, ("suggestions",))}
        for suggestion in suggestions:
            row = listed.get(suggestion.example.key)
            if row is None:
                continue
            item, gone = changes(self._dataset, row, suggestion, known)
            if gone:
                self._delete(row, gone)
            if item:
                items.append(item)
            else:
                taken += 1
            self._done.add(suggestion.example.key)
        return taken + self._send(items)

    def retire(self, versions: Iterable[str]) -> bool:
        """Take away what these versions suggest to people, unless a newer version looked at it and left it standing.

        False where records are left to look at, for the next call.
        """
        gone = {agent(version) for version in versions}
        if self._version is not None and self._version not in gone:
            return True
        before, cursor = self._retiring
        deadline = time.monotonic() + RETIRE_SECONDS
        for listing in self._dataset.scan(self._dataset.shown, PAGE, cursor if before == gone else None):
            for row in listing.rows:
                shown = row.get("suggestions") or []
                # a revision's name is the generation's and a number
                old = [one["id"] for one in shown if str(one.get("agent")).partition(".")[0] in gone]
                if old and is_open(row):
                    self._delete(row, old)
            self._retiring = gone, listing.cursor
            if time.monotonic() > deadline:
                return False
        self._retiring = set(), None
        return True

    def _send(self, items: list[Row]) -> int:
        """How many Argilla took. What it rejects as a whole is halved until the bad item stands alone."""
        taken = 0
        for start in range(0, len(items), PAGE):
            taken += self._bisect(items[start : start + PAGE])
        return taken

    def _bisect(self, items: list[Row]) -> int:
        try:
            self._dataset.client.send("PUT", f"{self._dataset.path}/records/bulk", {"items": items})
        except (Rejected, ToolFailed) as error:
            if len(items) == 1:
                log.warning("Argilla did not take a suggestion for record %s: %s", items[0]["id"], error)
                return 0
            if isinstance(error, ToolFailed):
                self._dataset.get()  # raises where Argilla itself has broken down
            middle = len(items) // 2
            return self._bisect(items[:middle]) + self._bisect(items[middle:])
        return len(items)

    def _delete(self, row: Row, suggestions: Sequence[str]) -> None:
        try:
            self._dataset.client.send(
                "DELETE", f"/records/{row['id']}/suggestions", params={"ids": ",".join(suggestions)}
            )
        except Missing:
            log.info("record %s or its suggestions went away meanwhile", row["id"])
        except ToolFailed as error:
            self._dataset.get()  # raises where Argilla itself has broken down
            log.warning("Argilla did not take away a suggestion for record %s: %s", row["id"], error)


def is_open(record: Mapping[str, Any]) -> bool:
    """Whether nobody has answered it, though the dataset may want several answers: of one with `Dataset.shown`.

    Who answers it after somebody else sees what that one saw, and nothing of a model that has learnt from the answer.
    """
    given = (one.get("status") for one in record.get("responses") or ())
    return record.get("status") == "pending" and "submitted" not in given


def changes(dataset: Dataset, row: Row, suggestion: Suggestion, known: set[str]) -> tuple[Row | None, list[str]]:
    """What to send for a record, if anything, and the ids of suggestions of ours to take away."""
    layout = dataset.layout
    if suggestion.blind:
        name = agent(suggestion.version)
        return None, [str(one["id"]) for one in row.get("suggestions") or [] if ours(one, name)]
    example = layout.example(row)
    present = {str(one["question_id"]): one for one in row.get("suggestions") or []}
    name = agent(suggestion.version)
    sent, gone = [], []
    for control in layout.controls:
        if not any(question.name in known for question in control.questions):
            continue
        value, shown = encode(control, suggestion.predictions, example), present.get(control.id)
        if value is None:
            if shown is not None and ours(shown, name):
                gone.append(str(shown["id"]))
        elif shown is None or not same(value, shown):
            body = {"question_id": control.id, "value": value.value, "score": value.score}
            sent.append({**body, "agent": name, "type": "model"})
    return ({"id": row["id"], "suggestions": sent} if sent else None), gone


def shows(layout: Layout, suggestion: Suggestion) -> dict[str, Answer]:
    """What people get to see of a suggestion: a span may be left out, and a ranking overrule one of its pairs."""
    answers: dict[str, Answer] = {}
    for control in layout.controls:
        value = encode(control, suggestion.predictions, suggestion.example)
        if value is not None and value.value != []:
            answers |= decode(control, {control.name: {"value": value.value}}, suggestion.example)[0]
    return answers


def same(value: Value, shown: Mapping[str, Any]) -> bool:
    """Whether people would see no difference."""
    if shown.get("value") != value.value:
        return False
    one, other = (score if isinstance(score, list) else [score] for score in (value.score, shown.get("score")))
    if len(one) != len(other):
        return False
    return all(a == b or (None not in (a, b) and abs(a - b) < SAME_SCORE) for a, b in zip(one, other, strict=True))


def agent(version: str) -> str:
    """A version as the name of an agent."""
    return FOREIGN.sub("-", version)[:200]


def ours(shown: Mapping[str, Any], name: str) -> bool:
    """Whether a suggestion came from some version of ours: their names begin alike."""
    return str(shown.get("agent") or "").startswith(name.partition("-")[0] + "-")
