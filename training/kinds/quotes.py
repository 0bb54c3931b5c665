"""Spans as quotes: what a model that cannot count marks in a text, found again where it stands.

Offsets are never taken from a model. Of all the places where a quote stands, it is the first behind the passage before
it, as passages come in the order of the text, else the first that the same label has not marked yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from labelwheel.training import span_edges


def quoted(text: str, marked: Sequence[tuple[int, int, str]]) -> list[dict[str, str]]:
    """Spans in the words of the text, in its order."""
    return [{"quote": text[start:end], "label": label} for start, end, label in sorted(marked)]


def located(text: str, quotes: Sequence[tuple[str, str]]) -> list[tuple[int, int, str]]:
    """Where quotes with their labels stand; those that stand nowhere are left out.

    No quote begins or ends inside of a character that people see as one: an accent is no place of its own.
    """
    edges = {0, *(match.end() for match in span_edges.GRAPHEME.finditer(text))}
    found: set[tuple[int, int, str]] = set()
    behind = 0
    for quote, label in quotes:
        quote = quote.strip()
        places = [place for place in _places(text, quote) if {place, place + len(quote)} <= edges]
        free = [place for place in places if (place, place + len(quote), label) not in found]
        chosen = next((place for place in free if place >= behind), next(iter(free), None))
        if chosen is None:
            continue
        found.add((chosen, chosen + len(quote), label))
        behind = max(behind, chosen)
    return sorted(found)


def as_often(quote: str, text: str, other: str) -> bool:
    """Whether a quote stands in a text, and as often as in another one: then its places are the same in both."""
    quote = quote.strip()
    count = sum(1 for _ in _places(text, quote))
    return count > 0 and count == sum(1 for _ in _places(other, quote))


def _places(text: str, quote: str) -> Iterator[int]:
    place = text.find(quote) if quote else -1
    while place >= 0:
        yield place
        place = text.find(quote, place + 1)
