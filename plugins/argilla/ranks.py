"""An order of records as a number that annotators can sort by: `labelwheel_rank`, 1 first.

Only the first records get a rank, and lose it when others are more useful; the rest of a record's metadata stays as it
is.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from labelwheel.plugins.argilla import properties
from labelwheel.plugins.argilla.client import Rejected
from labelwheel.plugins.argilla.dataset import Dataset, Row
from labelwheel.plugins.capabilities import Candidate, named
from labelwheel.plugins.errors import ToolFailed

log = logging.getLogger(__name__)

PROPERTY = "labelwheel_rank"
TITLE = "What to answer next (1 first)"
_ORDER = {"entity": "metadata", "metadata_property": PROPERTY}
RANKED = 200
"""So many records have a rank at most: each is written with all of its metadata."""
LISTED = 200


class RankedRecords:
    """The ranks of one dataset; where it has no place for them (`ordered` is false), there are none."""

    def __init__(self, dataset: Dataset, ordered: bool) -> None:
        self._dataset, self._ordered = dataset, ordered
        self._present: dict[str, int] | None = None

    def first(self) -> list[Row]:
        """The records that have a rank and are still to be answered, with their suggestions, in that order."""
        if not self._ordered:
            return []
        try:
            rows = self._dataset.first(_ORDER, RANKED, self._dataset.shown)
            return [row for row in rows if PROPERTY in (row.get("metadata") or {})]
        except ToolFailed as error:
            log.warning("records are suggested to in the order in which they were added: %s", error)
            return []
        except Rejected as error:
            log.warning("records cannot be sorted by %s any more, connect again to have it back: %s", PROPERTY, error)
            return []

    def candidates(self) -> Iterator[Candidate]:
        """Pending records with suggestions, in one light pass over the dataset, which also tells the present ranks."""
        self._present = None
        if not self._ordered:
            return
        present: dict[str, int] = {}
        names = {control.id: control.name for control in self._dataset.layout.controls}
        for listing in self._dataset.scan(("suggestions",), LISTED):
            for row in listing.rows:
                present |= _rank(row)
                if row.get("status") == "pending" and (found := _candidate(self._dataset, row, names)) is not None:
                    yield found
        self._present = present

    def rank(self, keys: Sequence[str]) -> None:
        """Write these ranks where they are others than before, and take away those of all other records."""
        if not self._ordered:
            return
        present, self._present = self._present, None
        if present is None:
            present = {}
            for listing in self._dataset.scan((), LISTED):
                for row in listing.rows:
                    present |= _rank(row)
        self._present = renumber(self._dataset, keys, present)


def numbered(keys: Sequence[str], present: Mapping[str, int]) -> dict[str, int]:
    """Numbers that rise with the order, from 1 or more; as few as can be are others than before.

    What keeps its number is a longest subsequence with room for all that stand between.
    """
    room = [present.get(key, 0) - place for place, key in enumerate(keys, start=1)]
    least: list[int] = []  # where a subsequence of each length ends with the least room
    before: list[int] = []
    for place, one in enumerate(room):
        length = bisect_right(least, one, key=room.__getitem__) if one >= 0 else 0
        before.append(least[length - 1] if length else -1)
        if one >= 0:
            least[length : length + 1] = [place]
    kept, last = set[int](), least[-1] if least else -1
    while last >= 0:
        kept.add(last)
        last = before[last]
    found: dict[str, int] = {}
    number = 0
    for place, key in enumerate(keys):
        number = present[key] if place in kept else number + 1
        found[key] = number
    return found


def renumber(dataset: Dataset, keys: Sequence[str], present: Mapping[str, int], name: str = PROPERTY) -> dict[str, int]:
    """Write the numbers of the first of these where they are others than before, and take away all others'."""
    ranks = numbered(keys[:RANKED], present)
    changed = {key: ranks.get(key) for key in {**ranks, **present} if ranks.get(key) != present.get(key)}
    properties.put(dataset, name, changed)
    return ranks


def _rank(row: Row) -> dict[str, int]:
    rank = (row.get("metadata") or {}).get(PROPERTY)
    return {str(row["id"]): rank} if isinstance(rank, int) else {}


def _candidate(dataset: Dataset, row: Row, names: Mapping[str, str]) -> Candidate | None:
    scored = [one for one in row.get("suggestions") or [] if one.get("score") is not None]
    if not scored:
        return None
    # as sure as of the least sure part of all that is suggested
    sure = min(min(one["score"]) if isinstance(one["score"], list) else one["score"] for one in scored)
    said = ((str(one["question_id"]), one["value"]) for one in scored)
    answers = sorted(named(names.get(asked, asked), value) for asked, value in said if not isinstance(value, list))
    text = " ".join(dataset.layout.example(row).fields.values())
    return Candidate(key=str(row["id"]), text=text, score=float(sure), answers=tuple(answers))
