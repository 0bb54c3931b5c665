"""Spans of several people side by side: the text cut wherever anybody drew an edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from labelwheel.training.kinds.coding import Unit


def units(length: int, answers: Sequence[Sequence[Mapping[str, Any]]]) -> list[Unit]:
    """A unit for each piece between two edges, as large as it has characters: the labels that each one gave it.

    The same as a unit for each character, which is how spans are made comparable for Krippendorff's alpha.
    """
    edges = sorted({0, length} | {span[edge] for spans in answers for span in spans for edge in ("start", "end")})
    return [
        Unit(
            [frozenset(s["label"] for s in spans if s["start"] < end and start < s["end"]) for spans in answers],
            float(end - start),
        )
        for start, end in pairwise(edges)
    ]
