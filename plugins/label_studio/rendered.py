"""HTML once it is read: the text that models see, and where each piece of it is in Label Studio's counting."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(eq=False, slots=True)
class Element:
    """A tag. `step` is its part of a path; `below` has the texts in it, and the tags on the way to one, by step."""

    step: str = ""
    above: Element | None = None
    counts: dict[str, int] = field(default_factory=dict)
    below: dict[str, Element | Node] = field(default_factory=dict)

    def next_step(self, name: str) -> str:
        """The step to one more tag, or text, of a name."""
        self.counts[name] = self.counts.get(name, 0) + 1
        return f"{name}[{self.counts[name]}]"

    def hold(self, node: Node) -> None:
        """Puts a text here, so that it is found from above."""
        self.below[node.step] = node
        element = self
        while element.above is not None and element.step not in element.above.below:
            element.above.below[element.step] = element
            element = element.above


@dataclass(eq=False, slots=True)
class Node:
    """A text node: where it begins in Label Studio's counting, and in ours (None: never seen); what it stands in."""

    place: int
    start: int | None
    step: str
    above: Element
    text: str = ""

    @property
    def length(self) -> int:
        """In code points."""
        return len(self.text)

    @property
    def path(self) -> str:
        """Where Label Studio finds it; made when it is asked for, as all paths together grow with depth squared."""
        steps, element = [self.step], self.above
        while element.above is not None:
            steps.append(element.step)
            element = element.above
        return "".join(f"/{step}" for step in reversed(steps))


@dataclass
class Rendered:
    """`text` for models, and its text nodes. `certain` where the browser's tree is surely the one read here.

    `places` is how long the page is in Label Studio's counting. It is read-only once a place was looked up.
    """

    text: str = ""
    nodes: list[Node] = field(default_factory=list)
    certain: bool = True
    places: int = 0
    root: Element = field(default_factory=Element)

    def outward(self, start: int, end: int) -> tuple[Node, int, Node, int] | None:
        """Where a span of `text` begins and ends: nodes and offsets within them; None if it covers no text."""
        seen = self._seen
        first, last = bisect_right(seen.ends, start), bisect_left(seen.starts, end) - 1
        if not first <= last:
            return None
        one, other = seen.nodes[first], seen.nodes[last]
        return one, max(start - seen.starts[first], 0), other, min(end - seen.starts[last], other.length)

    def inward(self, place: int, *, end: bool = False) -> int | None:
        """The offset in `text` of a place in Label Studio's counting; None outside of the page.

        A mark may begin or end on a line break or on what is never seen: it then begins with the next text that is, or
        ends with the last one before.
        """
        if not 0 <= place <= self.places:
            return None
        seen = self._seen
        if end:
            last = bisect_left(seen.places, place) - 1
            return None if last < 0 else seen.starts[last] + min(place - seen.places[last], seen.nodes[last].length)
        first = bisect_right(seen.stops, place)
        return None if first == len(seen.nodes) else seen.starts[first] + max(place - seen.places[first], 0)

    def place(self, path: str, units: int) -> int | None:
        """A place in Label Studio's counting from a text node's path and an offset in UTF-16 units."""
        found: Element | Node | None = self.root
        for step in path.removeprefix("/").split("/"):
            found = found.below.get(step) if isinstance(found, Element) else None
        if not isinstance(found, Node):
            return None
        return found.place + len(found.text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore"))

    @cached_property
    def _seen(self) -> _Seen:
        nodes = [node for node in self.nodes if node.start is not None and node.length]
        starts = [node.start or 0 for node in nodes]
        ends = [start + node.length for start, node in zip(starts, nodes, strict=True)]
        places = [node.place for node in nodes]
        return _Seen(nodes, starts, ends, places, [node.place + node.length for node in nodes])


@dataclass(frozen=True)
class _Seen:
    """The nodes that are seen, in order; where each begins and ends in `text`, and in Label Studio's counting."""

    nodes: Sequence[Node]
    starts: Sequence[int]
    ends: Sequence[int]
    places: Sequence[int]
    stops: Sequence[int]


def units(text: str) -> int:
    """How long a text is for JavaScript."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
