"""Which words carried what is suggested, as a line in a record's metadata: `labelwheel_words`."""

from __future__ import annotations

import logging

from labelwheel.plugins.argilla import properties
from labelwheel.plugins.argilla.client import Missing, Rejected
from labelwheel.plugins.argilla.dataset import Dataset
from labelwheel.plugins.argilla.pushing import changes
from labelwheel.plugins.connector import Suggestion
from labelwheel.plugins.errors import ToolRefused
from labelwheel.plugins.reasons import NAME, in_words

log = logging.getLogger(__name__)

TITLE = "Words that carried the suggestion"


class ReasonsProperty:
    """The property of one dataset; made when there is something to write, where it may be."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._there: bool | None = None

    def show(self, suggestion: Suggestion) -> None:
        """Writes the line of one record, where it is another one, and the suggestion is the one that stands there."""
        if self._there is None:
            self._there = self._made()
        if not self._there:
            return
        line = in_words(suggestion.example, suggestion.reasons) or None
        for row in self._dataset.found([suggestion.example.key], ("suggestions",)).values():
            another = any(changes(self._dataset, row, suggestion, set(suggestion.predictions)))
            if another or (row.get("metadata") or {}).get(NAME) == line:
                continue
            if not properties.put(self._dataset, NAME, {str(row["id"]): line}):
                self._there = None  # somebody may have taken the property away

    def remove(self) -> None:
        """Takes property and lines away."""
        try:
            properties.remove(self._dataset, NAME, "terms")
        except Missing as error:
            log.info("nothing to tidy up: %s", error)

    def _made(self) -> bool:
        try:
            return properties.ensure(self._dataset, NAME, TITLE, "terms")
        except (Rejected, ToolRefused) as error:
            log.warning("nobody sees which words carried a suggestion: %s", error)
            return False
