"""A label config as a tree of tags: parsed once, entities never expanded, everything bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from labelwheel.plugins.errors import InvalidConfig

MAX_SOURCE = 2_000_000
MOST_TAGS = 50_000
MOST_ATTRIBUTES = 100
"""Of one tag; to read them takes lxml a time that grows with their square, 22 s for 50,000."""


@dataclass(eq=False, slots=True)
class Tag:
    """One tag. `above` is the tag that it stands in, `before` the one right in front of it."""

    name: str
    attributes: dict[str, str]
    above: Tag | None = None
    before: Tag | None = None
    children: list[Tag] = field(default_factory=list)
    crowded: bool = False
    """It has so many attributes that only its names were read."""
    conditional: bool = False
    """It may be hidden."""
    repeated: bool = False
    """It stands there once for each item of a task."""

    def get(self, name: str, default: str = "") -> str:
        """An attribute; Label Studio's interface reads them whatever their case. Blanks around it are dropped."""
        return self.raw(name, default).strip()

    def raw(self, name: str, default: str = "") -> str:
        """The same with its blanks."""
        found = self.attributes.get(name)
        return self.attributes.get(name.lower(), default) if found is None else found

    def true(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.get(name).lower() in ("true", "1")


def read_tags(source: str) -> Sequence[Tag]:
    """All tags in the order of the config, their children and what stands around them known.

    Raises InvalidConfig where it is no XML, too large, or declares a document type.
    """
    if len(source) > MAX_SOURCE:
        raise InvalidConfig(f"The label config has {len(source)} characters; {MAX_SOURCE} are the most that is read")
    root = _parse(source)
    stack: list[Tag] = []
    found: list[Tag] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if not isinstance(element.tag, str):
            continue
        if event == "end":
            stack.pop()
            continue
        if len(found) == MOST_TAGS:
            raise InvalidConfig(f"The label config has more than {MOST_TAGS} tags, which are the most that is read")
        tag = _tag(element, stack[-1] if stack else None)
        found.append(tag)
        stack.append(tag)
    return found


def _parse(source: str) -> Any:
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        # as bytes, so that a declaration may name the encoding that a file of it had
        root = etree.fromstring(source.removeprefix("\ufeff").strip().encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InvalidConfig(f"The label config cannot be read: {error}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise InvalidConfig("The label config declares a document type or entities, which are never expanded")
    return root


def _tag(element: Any, above: Tag | None) -> Tag:
    crowded = len(element.attrib) > MOST_ATTRIBUTES
    names = ("name", "toName") if crowded else element.attrib.keys()
    given = {name: value for name in names if (value := element.get(name)) is not None}
    tag = Tag(
        name=element.tag,
        attributes={name.lower(): value for name, value in given.items()} | given,
        above=above,
        before=above.children[-1] if above and above.children else None,
        crowded=crowded,
    )
    tag.conditional = bool(tag.get("visibleWhen")) or (above is not None and above.conditional)
    tag.repeated = above is not None and (above.repeated or above.name.lower() == "repeater")
    if above is not None:
        above.children.append(tag)
    return tag
