"""A label config, read once: which controls are learnt, what text they read, and how their regions look."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from label_studio_sdk._extensions.label_studio_tools.core.label_config import parse_config
from lxml import etree  # type: ignore[import-untyped]

from plugins.connector import Unlearnt
from plugins.errors import InvalidConfig
from plugins.label_studio.texts import Source
from training.questions import PATH_SEPARATOR, Example, Kind, Option, Question

MAX_SOURCE = 2_000_000
TEXT_TAGS = frozenset(("Text", "HyperText", "Paragraphs"))
DEFAULT_STARS = 5


@dataclass(frozen=True)
class Control:
    """A control that is learnt. `to_name` and `type` stand in its regions.

    `conditional`: it may be hidden, so that no answer says nothing. `nested`: choices are given as paths. `limit`: the
    most paths that a taxonomy takes.
    """

    question: Question
    type: str
    sources: tuple[Source, ...]
    conditional: bool = False
    nested: bool = False
    limit: int | None = None

    @property
    def to_name(self) -> str:
        """Label Studio takes predictions of a pairwise control for its first object too, unlike for both."""
        return self.sources[0].name


@dataclass(frozen=True)
class Layout:
    """What a label config asks: controls by name, in their order, and what is not learnt, with the reason."""

    controls: Mapping[str, Control] = field(default_factory=dict)
    unlearnt: tuple[Unlearnt, ...] = ()

    @property
    def questions(self) -> tuple[Question, ...]:
        """What is learnt."""
        return tuple(control.question for control in self.controls.values())

    def example(self, key: str, data: object) -> Example:
        """A task's texts by object name; objects that the task has no value for are left out."""
        values = data if isinstance(data, Mapping) else {}
        sources = {source.name: source for control in self.controls.values() for source in control.sources}
        fields = {name: source.text(values) for name, source in sources.items()}
        return Example(key=key, fields={name: text for name, text in fields.items() if text})


class _NotLearntError(Exception):
    pass


@lru_cache(maxsize=64)
def read(source: str) -> Layout:
    """Read a label config; raises InvalidConfig where it is no XML, too large, or declares entities."""
    if len(source) > MAX_SOURCE:
        raise InvalidConfig(f"The label config has {len(source)} characters; {MAX_SOURCE} are the most that is read")
    source = re.sub(r"^\s*<\?xml[^>]*\?>", "", source)
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", source, re.IGNORECASE):
        raise InvalidConfig("The label config declares a document type or entities, which are never expanded")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(source, parser)
        parsed = parse_config(source)
    except (etree.XMLSyntaxError, ValueError, KeyError) as error:
        raise InvalidConfig(f"The label config cannot be read: {error}") from error
    if root is None:
        raise InvalidConfig("The label config is empty")
    elements = {name: tag for tag in _tags(root) if (name := _attribute(tag, "name"))}
    controls, unlearnt = {}, []
    for name, found in parsed.items():
        try:
            controls[name] = _control(name, found, elements)
        except _NotLearntError as reason:
            unlearnt.append(Unlearnt(name=name, reason=str(reason)))
        except ValueError as error:
            unlearnt.append(Unlearnt(name=name, reason=_reason(error)))
    return Layout(controls=controls, unlearnt=tuple(unlearnt))


def _control(name: str, found: Mapping[str, Any], elements: Mapping[str, Any]) -> Control:
    tag = elements[name]
    shape = _SHAPES.get(found["type"])
    if shape is None:
        raise _NotLearntError(f"{found['type']} is not learnt yet")
    if _true(tag, "perRegion") or _true(tag, "perItem"):
        raise _NotLearntError("it is asked about each region; only questions about the whole task are learnt")
    if any(above.tag == "Repeater" for above in tag.iterancestors()) or "regex" in found:
        raise _NotLearntError("it is repeated for each item of a task (Repeater)")
    if found.get("dynamic_labels") or _attribute(tag, "value").startswith("$") or _attribute(tag, "apiUrl"):
        raise _NotLearntError("its options come with each task, so there is no fixed set to learn")
    sources = tuple(_source(target, elements) for target in found["to_name"])
    given = shape(tag, sources)
    conditional = any(_attribute(above, "visibleWhen") for above in (tag, *tag.iterancestors()))
    extra = {key: given.pop(key) for key in ("nested", "limit") if key in given}
    inputs = tuple(source.name for source in sources)
    question = Question(name=name, inputs=inputs, prompt=_prompt(tag), **given)
    return Control(question, found["type"].lower(), sources, conditional=conditional, **extra)


def _source(name: str, elements: Mapping[str, Any]) -> Source:
    tag = elements.get(name.strip())
    if tag is None:
        raise _NotLearntError(f"it points to {name!r}, which the label config does not have")
    if tag.tag not in TEXT_TAGS:
        raise _NotLearntError(f"it reads {tag.tag}; only text is learnt")
    if _attribute(tag, "valueType").lower() == "url":
        raise _NotLearntError("its text lies behind a URL, which labelwheel never fetches")
    return Source(
        name=name.strip(),
        tag=tag.tag,
        value=_attribute(tag, "value"),
        encoding=_attribute(tag, "encoding").lower() or "none",
        inline=_true(tag, "inline"),
        name_key=_attribute(tag, "nameKey") or "author",
        text_key=_attribute(tag, "textKey") or "text",
    )


def _choices(tag: Any, sources: tuple[Source, ...]) -> dict[str, Any]:
    nested = _true(tag, "allowNested")
    kind = Kind.CHOICES if _attribute(tag, "choice").lower() == "multiple" else Kind.CHOICE
    options = tuple(_options(tag, "Choice", () if nested else None))
    return {"kind": kind, "options": options, "nested": nested}


def _spans(tag: Any, sources: tuple[Source, ...]) -> dict[str, Any]:
    if len(sources) > 1 or sources[0].tag == "Paragraphs":
        raise _NotLearntError(f"spans are learnt in one Text or HyperText, not in {sources[-1].tag}")
    return {"kind": Kind.SPANS, "options": tuple(_options(tag, "Label", None))}


def _rating(tag: Any, sources: tuple[Source, ...]) -> dict[str, Any]:
    return {"kind": Kind.RATING, "minimum": 1, "maximum": int(_attribute(tag, "maxRating") or DEFAULT_STARS)}


def _taxonomy(tag: Any, sources: tuple[Source, ...]) -> dict[str, Any]:
    options = tuple(_options(tag, "Choice", (), leaves=_true(tag, "leafsOnly")))
    most = _attribute(tag, "maxUsages")
    return {"kind": Kind.TAXONOMY, "options": options, "limit": int(most) if most.isdigit() else None}


def _number(tag: Any, sources: tuple[Source, ...]) -> dict[str, Any]:
    low, high = _attribute(tag, "min"), _attribute(tag, "max")
    return {
        "kind": Kind.NUMBER,
        "minimum": float(low) if low else None,
        "maximum": float(high) if high else None,
    }


def _pairwise(tag: Any, sources: tuple[Source, ...]) -> dict[str, Any]:
    return {"kind": Kind.PAIRWISE}


_SHAPES: Mapping[str, Callable[[Any, tuple[Source, ...]], dict[str, Any]]] = {
    "Choices": _choices,
    "Labels": _spans,
    "HyperTextLabels": _spans,
    "Rating": _rating,
    "Taxonomy": _taxonomy,
    "Number": _number,
    "Pairwise": _pairwise,
}


def _options(tag: Any, name: str, path: tuple[str, ...] | None, *, leaves: bool = False) -> Iterator[Option]:
    """The options under a tag, in their order; with a path (even an empty one) also those within others."""
    for child in _tags(tag, deep=False):
        if child.tag != name:
            yield from _options(child, name, path, leaves=leaves)
            continue
        shown = _attribute(child, "value")
        value = _attribute(child, "alias") or shown
        if not value or shown.startswith("$"):
            raise _NotLearntError(f"a {name} has no fixed value")
        if path is not None and PATH_SEPARATOR in value:
            raise _NotLearntError(f"{value!r} contains {PATH_SEPARATOR!r}, which separates the steps of a path")
        hint = ": ".join(part for part in (shown if shown != value else "", _attribute(child, "hint")) if part)
        within = [] if path is None else list(_options(child, name, (*path, value), leaves=leaves))
        if not (leaves and within):
            yield Option(value=PATH_SEPARATOR.join((*(path or ()), value)), hint=hint)
        yield from within


def _prompt(tag: Any) -> str:
    """The header above a control, if it has one of its own."""
    above = tag.getprevious()
    if above is not None and above.tag == "Header" and not _attribute(above, "value").startswith("$"):
        return _attribute(above, "value")
    return ""


def _tags(tag: Any, *, deep: bool = True) -> Iterator[Any]:
    for child in tag.iter() if deep else tag:
        if isinstance(child.tag, str):
            yield child


def _attribute(tag: Any, name: str) -> str:
    """Label Studio's interface reads attributes whatever their case."""
    if not isinstance(tag.tag, str):
        return ""
    value = tag.attrib.get(name)
    if value is None:
        value = next((other for key, other in tag.attrib.items() if key.lower() == name.lower()), "")
    return str(value).strip() if name != "value" else str(value)


def _true(tag: Any, name: str) -> bool:
    return _attribute(tag, name).lower() in ("true", "1")


def _reason(error: ValueError) -> str:
    """One line for people out of a validation error."""
    errors = getattr(error, "errors", None)
    text = str(errors()[0]["msg"]) if callable(errors) else str(error)
    return text.removeprefix("Value error, ")
