"""Any example as likely as any other: what people see is what there is, and every estimate from it is honest."""

from __future__ import annotations

from collections.abc import Iterable

from labelwheel.backend.ledger.lots import lot
from labelwheel.backend.suggestions.so_far import NOTHING, SoFar
from labelwheel.backend.suggestions.uncertainty import Best, Considered, considered
from labelwheel.plugins.capabilities import Candidate


def drawn(most: int) -> Best:
    """A draw among candidates. An example keeps its lot: what was next stays next."""
    return Best(most, lambda candidate: -lot(candidate.key))


def order(candidates: Iterable[Candidate], most: int, so_far: SoFar = NOTHING) -> list[Considered]:
    """At most so many."""
    found = drawn(most)
    for candidate in candidates:
        found.see(considered(candidate))
    return found.ordered()
