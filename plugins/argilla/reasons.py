"""Which words carried what is suggested, as a line in a record's metadata: `labelwheel_words`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from labelwheel.plugins.argilla.client import Missing, Rejected
from labelwheel.plugins.argilla.dataset import Dataset, merged
from labelwheel.plugins.argilla.pushing import changes
from labelwheel.plugins.connector import Suggestion
from labelwheel.plugins.errors import ToolFailed, ToolRefused
from labelwheel.plugins.reasons import NAME, in_words

log = logging.getLogger(__name__)

TITLE = "Words that carried the suggestion"


class ReasonsProperty:
    """The property of one dataset; made when there is something to write, where it may be."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._there: bool | None = None

    def show(self, suggestion: Suggestion) -> None:
        """Writes the line of one record beside whatever else stands in its metadata, where it is another one."""
        if self._there is None:
            self._there = self._made()
        if not self._there:
            return
        line = in_words(suggestion.example, suggestion.reasons) or None
        for row in self._dataset.found([suggestion.example.key], ("suggestions",)).values():
            another = any(changes(self._dataset, row, suggestion, set(suggestion.predictions)))
            if another or (row.get("metadata") or {}).get(NAME) == line:
                continue
            body = {"items": [{"id": row["id"], "metadata": merged(row, **{NAME: line})}]}
            try:
                self._dataset.client.send("PUT", f"{self._dataset.path}/records/bulk", body)
            except (Rejected, ToolFailed) as error:
                log.warning("Argilla did not take which words carried the suggestion of %s: %s", row["id"], error)
                self._there = None  # somebody may have taken the property away

    def remove(self) -> None:
        """Takes property and lines away."""
        try:
            found = self._property()
            if found is None:
                return
            for listing in self._dataset.scan((), 200):
                rows = [row for row in listing.rows if NAME in (row.get("metadata") or {})]
                items = [{"id": row["id"], "metadata": merged(row, **{NAME: None})} for row in rows]
                if items:
                    self._dataset.client.send("PUT", f"{self._dataset.path}/records/bulk", {"items": items})
            self._dataset.client.send("DELETE", f"/metadata-properties/{found['id']}")
        except Missing as error:
            log.info("nothing to tidy up: %s", error)

    def _made(self) -> bool:
        if (found := self._property()) is not None:
            return bool(found["settings"].get("type") == "terms")
        body = {"name": NAME, "title": TITLE, "settings": {"type": "terms"}, "visible_for_annotators": True}
        try:
            self._dataset.client.send("POST", f"{self._dataset.path}/metadata-properties", body)
        except (Rejected, ToolRefused) as error:
            log.warning("nobody sees which words carried a suggestion: %s", error)
            return False
        return True

    def _property(self) -> Mapping[str, Any] | None:
        listed = self._dataset.client.get(f"/me{self._dataset.path}/metadata-properties")["items"]
        return next((one for one in listed if one["name"] == NAME), None)
