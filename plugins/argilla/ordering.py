"""The order in which records help most, as a number that annotators can sort by: `labelwheel_rank`, 1 first.

What the model is least sure of comes first, each next one the less the more it resembles one that came before: a
hundred variants of one hard text teach little. Only the first records get a rank, and lose it when others are more
useful; the rest of a record's metadata stays as it is.
"""

from __future__ import annotations

import heapq
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from labelwheel.plugins.argilla.client import Rejected
from labelwheel.plugins.argilla.dataset import Dataset, Row, merged
from labelwheel.plugins.errors import ToolFailed
from labelwheel.plugins.halving import halved

log = logging.getLogger(__name__)

PROPERTY = "labelwheel_rank"
RANKED = 200
"""So many records get a rank: more than are answered before the next version orders them anew."""
CONSIDERED = 1000
LISTED = 200
TOGETHER = 100
"""So many are written at once: Argilla takes a second for them, in which an annotator waits."""
WORD = re.compile(r"\w+")
ALIKE = 0.5
"""How much two texts resemble each other that are suggested the same answers and share no word."""


class Candidate(NamedTuple):
    """A record that may be ranked: how unsure its suggestions are, what they say, and the words of its text."""

    unsure: float
    key: str
    answers: str
    words: frozenset[str]


def write(dataset: Dataset) -> None:
    """Give the records that help most their ranks, in one light pass over the dataset and bounded memory."""
    best: list[Candidate] = []
    present: dict[str, int] = {}
    for listing in dataset.scan(("suggestions",), LISTED):
        for row in listing.rows:
            rank = (row.get("metadata") or {}).get(PROPERTY)
            if isinstance(rank, int):
                present[str(row["id"])] = rank
            if row.get("status") != "pending" or (found := _candidate(dataset, row)) is None:
                continue
            if len(best) < CONSIDERED:
                heapq.heappush(best, found)
            else:
                heapq.heappushpop(best, found)
    ranks: dict[str, int | None] = dict.fromkeys(present)
    ranks |= {key: number for number, key in enumerate(order(best), start=1)}
    put(dataset, {key: rank for key, rank in ranks.items() if rank != present.get(key)})


def ranked(dataset: Dataset) -> list[Row]:
    """The records that have a rank and are still to be answered, with their suggestions, in that order."""
    try:
        return dataset.first(PROPERTY, RANKED, ("suggestions",))
    except ToolFailed as error:
        log.warning("records are suggested to in the order in which they were added: %s", error)
        return []
    except Rejected as error:
        log.warning("records cannot be sorted by %s any more, connect again to have it back: %s", PROPERTY, error)
        return []


def clear(dataset: Dataset) -> None:
    """Take all ranks away."""
    for listing in dataset.scan((), LISTED):
        put(dataset, {str(row["id"]): None for row in listing.rows if PROPERTY in (row.get("metadata") or {})})


def put(dataset: Dataset, ranks: Mapping[str, int | None]) -> None:
    """Write ranks beside whatever else stands in the metadata at that moment."""
    keys = list(ranks)
    for start in range(0, len(keys), TOGETHER):
        rows, _ = halved(keys[start : start + TOGETHER], dataset.search)
        items = [{"id": row["id"], "metadata": merged(row, **{PROPERTY: ranks[str(row["id"])]})} for row in rows]
        if not items:
            continue
        try:
            dataset.client.send("PUT", f"{dataset.path}/records/bulk", {"items": items})
        except (Rejected, ToolFailed) as error:
            # such as old metadata of a property that was made stricter: the order is a convenience, no more
            log.warning("Argilla did not take the order of %s records: %s", len(items), error)


def order(candidates: Sequence[Candidate]) -> list[str]:
    """Keys of the records that help most, the first first."""
    left = sorted(candidates, reverse=True)
    nearest = [0.0] * len(left)
    chosen: list[str] = []
    open_ = set(range(len(left)))
    while open_ and len(chosen) < RANKED:
        best = max(open_, key=lambda number: (left[number].unsure * (1.0 - nearest[number]), -number))
        open_.remove(best)
        chosen.append(left[best].key)
        for number in open_:
            nearest[number] = max(nearest[number], resemblance(left[best], left[number]))
    return chosen


def resemblance(one: Candidate, other: Candidate) -> float:
    """From 0 to 1: words in common, and the same answers suggested."""
    shared = len(one.words & other.words) / (len(one.words | other.words) or 1)
    alike = ALIKE if one.answers == other.answers else 0.0
    return alike + (1.0 - alike) * shared


def _candidate(dataset: Dataset, row: Mapping[str, Any]) -> Candidate | None:
    scored = [one for one in row.get("suggestions") or [] if one.get("score") is not None]
    if not scored:
        return None
    # as sure as of the least sure part of all that is suggested
    sure = min(min(one["score"]) if isinstance(one["score"], list) else one["score"] for one in scored)
    answers = sorted(f"{one['question_id']} {one['value']}" for one in scored if not isinstance(one["value"], list))
    text = " ".join(dataset.layout.example(row).fields.values()).lower()
    return Candidate(1.0 - float(sure), str(row["id"]), "\n".join(answers), frozenset(WORD.findall(text)))
