"""HTML as Label Studio shows it: what a model reads, and where each character is in Label Studio's own counting.

Label Studio cleans the HTML (no comments, scripts, iframes), lets the browser parse it, and counts the code points of
the text nodes, and one for each `<br>`. That leaves "one" and "two" of two table cells glued together, so the text that
models read has a line break more where a block begins; `Rendered` translates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


VOID = _tags("area base br col embed hr img input link meta param source track wbr")
HEAD = _tags("base link meta noscript script style template title")
UNSEEN = _tags("script style template noscript title")
DROPPED = _tags("script iframe")
CELLS = _tags("caption tbody td tfoot th thead tr")
BLOCKS = CELLS | _tags(
    "address article aside blockquote br dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 "
    "header hr li main nav ol option p pre section summary table ul"
)
CLOSES_P = BLOCKS - CELLS - _tags("br option summary")
FIXED_UP = CELLS | _tags("a button col colgroup dd dt form li option select svg math")
"""Inside these a browser may rearrange what stands in the source."""


@dataclass
class Node:
    """A text node: where it begins in Label Studio's counting, and in ours (None: never seen); its path and text."""

    place: int
    start: int | None
    path: str
    text: str = ""

    @property
    def length(self) -> int:
        return len(self.text)


@dataclass
class Rendered:
    """`text` for models, and its text nodes. `certain` where the browser's tree is surely the one read here.

    `places` is how long the page is in Label Studio's counting.
    """

    text: str = ""
    nodes: list[Node] = field(default_factory=list)
    certain: bool = True
    places: int = 0

    def outward(self, start: int, end: int) -> tuple[Node, int, Node, int] | None:
        """Where a span of `text` begins and ends: nodes and offsets within them; None if it covers no text."""
        seen = [node for node in self.nodes if node.start is not None and node.length]
        first = next((node for node in seen if node.start is not None and node.start + node.length > start), None)
        last = next((node for node in reversed(seen) if node.start is not None and node.start < end), None)
        if first is None or last is None or first.start is None or last.start is None or first.place > last.place:
            return None
        return first, max(start - first.start, 0), last, min(end - last.start, last.length)

    def inward(self, place: int, *, end: bool = False) -> int | None:
        """The offset in `text` of a place in Label Studio's counting; None outside of the page.

        A mark may begin or end on a line break or on what is never seen: it then begins with the next text that is, or
        ends with the last one before.
        """
        if not 0 <= place <= self.places:
            return None
        seen = [node for node in self.nodes if node.start is not None and node.length]
        if end:
            last = next((node for node in reversed(seen) if node.place < place), None)
            return None if last is None or last.start is None else last.start + min(place - last.place, last.length)
        first = next((node for node in seen if node.place + node.length > place), None)
        return None if first is None or first.start is None else first.start + max(place - first.place, 0)

    def place(self, path: str, units: int) -> int | None:
        """A place in Label Studio's counting from a text node's path and an offset in UTF-16 units."""
        for node in self.nodes:
            if node.path == path:
                return node.place + len(node.text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore"))
        return None


def units(text: str) -> int:
    """How long a text is for JavaScript."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def render(html: str, *, inline: bool = False) -> Rendered:
    """Read HTML as Label Studio does: as a page of its own, or `inline` as part of one."""
    parser = _Parser(inline)
    parser.feed(re.sub("\r\n?", "\n", html))
    parser.close()
    parser.finish()
    return parser.rendered


class _Parser(HTMLParser):
    def __init__(self, inline: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.rendered = Rendered()
        self._stack: list[tuple[str, str]] = []
        self._counts: list[dict[str, int]] = [{}]
        self._body = inline
        self._inline = inline
        self._dropped = 0
        self._place = 0
        self._length = 0
        self._parts: list[str] = []
        self._node: Node | None = None
        self._break = False
        self._after_pre = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in DROPPED:
            self._dropped += 1
            return
        if self._dropped:
            return
        if tag in ("html", "head", "body"):
            if tag == "body":
                self._body = True
            self.rendered.certain = self.rendered.certain and not self._inline
            return
        if not self._body and tag not in HEAD:
            self._body = True
        self._end_node()
        if not self._body:
            if tag not in VOID:
                self._stack.append((tag, ""))
                self._counts.append({})
            return
        names = [name for name, _ in self._stack]
        closes_p = "p" in names and tag in CLOSES_P
        bare_row = tag == "tr" and names[-1:] == ["table"]
        if closes_p or bare_row or (tag in FIXED_UP and tag in names):
            self.rendered.certain = False
        if tag == "td" and names[-1:] != ["tr"]:
            self.rendered.certain = False
        self._break = self._break or tag in BLOCKS
        path = self._step(tag)
        if tag == "br":
            self._place += 1
        if tag not in VOID:
            self._stack.append((tag, path))
            self._counts.append({})
        self._after_pre = tag in ("pre", "textarea", "listing")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID and tag not in DROPPED:
            self.rendered.certain = False
        if tag in DROPPED:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in DROPPED:
            self._dropped = max(self._dropped - 1, 0)
            return
        if self._dropped or tag in ("html", "head", "body"):
            if tag == "head" and not self._dropped:
                self._stack, self._counts = [], [{}]
            return
        if tag in VOID or tag not in [name for name, _ in self._stack]:
            self.rendered.certain = False
            return
        self._end_node()
        self._break = self._break or tag in BLOCKS
        while self._stack:
            name, _ = self._stack.pop()
            self._counts.pop()
            if name == tag:
                return
            self.rendered.certain = False

    def handle_data(self, data: str) -> None:
        if self._dropped:
            return
        if not self._body:
            if self._stack:
                return
            data = data.lstrip(" \t\n\f")
            if not data:
                return
            self._body = True
        if self._after_pre and self._node is None and data.startswith("\n"):
            data = data[1:]
        self._after_pre = False
        if not data:
            return
        names = {name for name, _ in self._stack}
        if self._stack and self._stack[-1][0] in ("table", "tbody", "thead", "tfoot", "tr") and data.strip():
            self.rendered.certain = False
        unseen = bool(names & UNSEEN)
        if self._node is None:
            if self._break and not unseen and data.strip():
                self._break = False
                if self._parts and not self._parts[-1][-1:].isspace():
                    self._parts.append("\n")
                    self._length += 1
            self._node = Node(self._place, None if unseen else self._length, self._step("text()"))
            self.rendered.nodes.append(self._node)
        self._node.text += data
        self._place += len(data)
        if not unseen:
            self._parts.append(data)
            self._length += len(data)

    def finish(self) -> None:
        """Set the text once all is read."""
        self.rendered.text, self.rendered.places = "".join(self._parts), self._place

    def _end_node(self) -> None:
        self._node = None

    def _step(self, name: str) -> str:
        counts = self._counts[-1]
        counts[name] = counts.get(name, 0) + 1
        above = self._stack[-1][1] if self._stack else ""
        return f"{above}/{name}[{counts[name]}]"
