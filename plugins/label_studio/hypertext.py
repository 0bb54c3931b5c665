"""HTML as Label Studio shows it: what a model reads, and where each character is in Label Studio's own counting.

Label Studio cleans the HTML (no comments, scripts, iframes), lets the browser parse it, and counts the code points of
the text nodes, and one for each `<br>`. That leaves "one" and "two" of two table cells glued together, so the text that
models read has a line break more where a block begins; `Rendered` translates.
"""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

from plugins.label_studio.rendered import Element, Node, Rendered


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
DEEPEST = 512
"""Browsers nest no deeper; further tags stand beside each other."""
MARKS = re.compile(
    r"(<(script|style)\b[^>]*>.*?(?:</\2|\Z)|</?[a-z][^>]*>)"
    r"|<(?=<)|<!--(?:-?>|.*?(?:--!?>|\Z))|<[!?][^>]*>|</[^a-z][^>]*>",
    re.I | re.S,
)
"""Tags, to be kept; and beside them what browsers take for comments, and a `<` that begins nothing."""
BEGUN = re.compile(r"<[a-z/!?]", re.I)


def render(html: str, *, inline: bool = False) -> Rendered:
    """Read HTML as Label Studio does: as a page of its own, or `inline` as part of one.

    The time it takes grows with the length of the HTML alone.
    """
    parser = _Parser(inline)
    parser.feed(_without_comments(re.sub("\r\n?", "\n", html)))
    parser.close()
    parser.finish()
    return parser.rendered


def _without_comments(html: str) -> str:
    """HTML without comments, and without a tag that the end cuts off, which browsers leave out as well.

    Python's parser looks for the end of each anew, so that thousands of open ones would take it hours.
    """
    return _complete(MARKS.sub(lambda match: match[1] or ("&lt;" if match[0] == "<" else ""), _complete(html)))


def _complete(html: str) -> str:
    cut = BEGUN.search(html, html.rfind(">") + 1)
    return html[: cut.start()] if cut else html


class _Parser(HTMLParser):
    def __init__(self, inline: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.rendered = Rendered()
        self._stack: list[tuple[str, Element]] = []
        self._open: Counter[str] = Counter()
        self._unseen = 0
        self._body = inline
        self._inline = inline
        self._dropped = 0
        self._place = 0
        self._length = 0
        self._parts: list[str] = []
        self._node: Node | None = None
        self._pieces: list[str] = []
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
                self._enter(tag, self.rendered.root)
            return
        inner = self._stack[-1][0] if self._stack else ""
        closes_p = bool(self._open["p"]) and tag in CLOSES_P
        bare_row = tag == "tr" and inner == "table"
        if closes_p or bare_row or (tag in FIXED_UP and self._open[tag]) or len(self._stack) >= DEEPEST:
            self.rendered.certain = False
        if tag == "td" and inner != "tr":
            self.rendered.certain = False
        self._break = self._break or tag in BLOCKS
        above = self._above
        step = above.next_step(tag)
        if tag == "br":
            self._place += 1
        if tag not in VOID:
            self._enter(tag, Element(step, above))
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
                self._stack, self._open, self._unseen = [], Counter(), 0
            return
        if tag in VOID or not self._open[tag]:
            self.rendered.certain = False
            return
        self._end_node()
        self._break = self._break or tag in BLOCKS
        while self._stack:
            name, _ = self._stack.pop()
            self._open[name] -= 1
            self._unseen -= name in UNSEEN
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
        if self._stack and self._stack[-1][0] in ("table", "tbody", "thead", "tfoot", "tr") and data.strip():
            self.rendered.certain = False
        unseen = bool(self._unseen)
        if self._node is None:
            if self._break and not unseen and data.strip():
                self._break = False
                if self._parts and not self._parts[-1][-1:].isspace():
                    self._parts.append("\n")
                    self._length += 1
            above = self._above
            step = above.next_step("text()")
            self._node = Node(self._place, None if unseen else self._length, step, above)
            above.hold(self._node)
            self.rendered.nodes.append(self._node)
        self._pieces.append(data)
        self._place += len(data)
        if not unseen:
            self._parts.append(data)
            self._length += len(data)

    def finish(self) -> None:
        """Set the text once all is read."""
        self._end_node()
        self.rendered.text, self.rendered.places = "".join(self._parts), self._place

    @property
    def _above(self) -> Element:
        return self._stack[-1][1] if self._stack else self.rendered.root

    def _enter(self, tag: str, element: Element) -> None:
        self._stack.append((tag, element))
        self._open[tag] += 1
        self._unseen += tag in UNSEEN

    def _end_node(self) -> None:
        if self._node is not None:
            self._node.text = "".join(self._pieces)
        self._node, self._pieces = None, []
