"""A label config, read once: which controls are learnt, what text they read, and how their regions look."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from labelwheel.plugins import reasons
from labelwheel.plugins.columns import columns
from labelwheel.plugins.connector import Unlearnt
from labelwheel.plugins.label_studio.markup import MOST_ATTRIBUTES, Tag, read_tags
from labelwheel.plugins.label_studio.options import Options, canonical, read_options
from labelwheel.plugins.label_studio.texts import Source
from labelwheel.plugins.limits import LONGEST_NAME, MOST_STEPS, NotLearntError, check_name, in_words, why
from labelwheel.training.questions import Example, Kind, Question

log = logging.getLogger(__name__)

TEXT_TAGS = frozenset(("Text", "HyperText", "Paragraphs"))
OTHER_TAGS = (
    "Bitmask BitmaskLabels Brush BrushLabels ChatMessage DateTime Ellipse EllipseLabels KeyPoint KeyPointLabels "
    "MagicWand OcrLabels ParagraphLabels Polygon PolygonLabels Ranker ReactCode Rectangle RectangleLabels Relations "
    "TimeSeriesLabels TimelineLabels Vector VectorLabels VideoRectangle VideoVector VideoVectorLabels"
)
"""Controls that ask something, and are not learnt."""
NO_CONTROLS = frozenset(("filter",))
"""Tags that point to another one and ask nothing."""
DEFAULT_STARS = 5


@dataclass(frozen=True)
class Control:
    """A control that is learnt. `to_name` and `type` stand in its regions.

    `conditional`: it may be hidden, so that no answer says nothing. `multiple`: it takes any number of choices, which
    are given as paths where it is `nested`. `limit`: the most paths that a taxonomy takes. `options`: by which names it
    may be answered.
    """

    question: Question
    type: str
    sources: tuple[Source, ...]
    conditional: bool = False
    multiple: bool = False
    nested: bool = False
    limit: int | None = None
    options: Options = field(default_factory=Options)

    @property
    def to_name(self) -> str:
        """Label Studio takes predictions of a pairwise control for its first object too, unlike for both."""
        return self.sources[0].name

    def canonical(self, *steps: str) -> str:
        """An option's value, from what a region calls it: Label Studio takes an alias or what people see."""
        return canonical(self.options, steps)


@dataclass(frozen=True)
class Layout:
    """What a label config asks: controls by name, in their order, and what is not learnt, with the reason.

    `marks` asks nothing: it shows which words carried a suggestion, see labelwheel.plugins.reasons.
    """

    controls: Mapping[str, Control] = field(default_factory=dict)
    unlearnt: tuple[Unlearnt, ...] = ()
    marks: Control | None = None

    @property
    def questions(self) -> tuple[Question, ...]:
        """What is learnt."""
        return tuple(control.question for control in self.controls.values())

    def example(self, key: str, data: object, meta: object = None) -> Example:
        """A task's texts by object name; objects that the task has no value for are left out.

        What no question reads of its data is a column, and so is what stands in its `meta`.
        """
        values = data if isinstance(data, Mapping) else {}
        sources = {source.name: source for control in self.controls.values() for source in control.sources}
        fields = {name: _shown(source, values, key) for name, source in sources.items()}
        read = {variable for source in sources.values() for variable in source.variables}
        return Example(
            key=key,
            fields={name: text for name, text in fields.items() if text},
            columns=columns(meta) | columns(values, without=read),
        )


def _shown(source: Source, values: Mapping[str, Any], key: str) -> str:
    try:
        return source.text(values)
    except Exception as error:  # one task costs no other, whatever stands in it
        log.warning("task %s: %r cannot be read as text: %s", key, source.name, in_words(error))
        return ""


@lru_cache(maxsize=64)
def read(source: str) -> Layout:
    """Read a label config; raises InvalidConfig where it is no XML, too large, or declares a document type."""
    tags = read_tags(source)
    objects = {name: tag for tag in tags if (name := tag.raw("name"))}
    controls: dict[str, Control] = {}
    unlearnt: dict[str, str] = {}
    for tag in tags:
        if not _asks(tag):
            continue
        name = tag.raw("name")
        try:
            if name and (name in controls or name in unlearnt):
                raise NotLearntError("two controls have this name: give each one of its own")
            controls[name] = _control(tag, objects)
        except Exception as error:  # one control costs no other, whatever is wrong with it
            if not isinstance(error, NotLearntError):
                log.exception("the control %.100r of a label config could not be read", name)
            controls.pop(name, None)
            unlearnt[name[:LONGEST_NAME] or tag.name[:LONGEST_NAME]] = why(error)
    marks = controls.pop(reasons.NAME, None)
    left_out = {
        f"some options of {name}": "; ".join(control.options.dropped)[:500]
        for name, control in controls.items()
        if control.options.dropped
    }
    refused = {**unlearnt, **left_out}
    return Layout(controls, tuple(Unlearnt(name=name, reason=reason) for name, reason in refused.items()), marks)


def _asks(tag: Tag) -> bool:
    """Whether people answer this tag; some that are never learnt point nowhere, and have no name."""
    known = tag.name.lower() in _SPELLINGS
    return tag.name.lower() not in NO_CONTROLS and (known or bool(tag.raw("toName") and tag.raw("name")))


def _control(tag: Tag, objects: Mapping[str, Tag]) -> Control:
    shape = _shape(tag)
    check_name(tag.raw("name"))
    if tag.raw("name") == reasons.NAME and shape is not _spans:
        raise NotLearntError("a control of this name shows which words carried a suggestion: it has to be of Labels")
    if tag.true("perRegion") or tag.true("perItem") or tag.true("labeling"):
        raise NotLearntError("it is asked about each region; only questions about the whole task are learnt")
    if tag.repeated:
        raise NotLearntError("it is repeated for each item of a task (Repeater)")
    if shape is _text and tag.get("value").startswith("$"):
        raise NotLearntError("each task fills it in itself (value), and a suggestion would take that away")
    if tag.get("value").startswith("$") or tag.get("apiUrl"):
        raise NotLearntError("its options come with each task, so there is no fixed set to learn")
    sources = tuple(_source(name, objects) for name in tag.raw("toName").split(","))
    if not any(source.varies for source in sources):
        shown = ", ".join(source.name for source in sources)
        raise NotLearntError(f"it reads {shown}, which shows the same words in every task; let it read $ and a field")
    given = shape(tag, sources)
    extra = {key: given.pop(key) for key in ("multiple", "nested", "limit", "options") if key in given}
    offered = extra.get("options", Options()).found
    inputs = tuple(source.name for source in sources)
    question = Question(name=tag.raw("name"), inputs=inputs, prompt=_prompt(tag), options=offered, **given)
    return Control(question, tag.name.lower(), sources, conditional=tag.conditional, **extra)


def _shape(tag: Tag) -> _Shape:
    """How this sort of control is read, once it is spelt as Label Studio's server spells it."""
    if tag.crowded:
        raise NotLearntError(f"it has more than {MOST_ATTRIBUTES} attributes")
    spelt = _SPELLINGS.get(tag.name.lower(), tag.name)
    if spelt not in _SHAPES:
        raise NotLearntError(f"{spelt} is not learnt yet")
    if spelt != tag.name:
        raise NotLearntError(f"write its tag as {spelt}: Label Studio's server does not know {tag.name}")
    for attribute in ("name", "toName"):
        if not tag.raw(attribute):
            raise NotLearntError(f"it has no {attribute}, so its answers belong nowhere")
        if attribute not in tag.attributes:
            raise NotLearntError(f"write its attribute as {attribute}: Label Studio's server knows no other spelling")
    return _SHAPES[spelt]


def _source(name: str, objects: Mapping[str, Tag]) -> Source:
    tag = objects.get(name) or objects.get(name.strip())
    if tag is None:
        raise NotLearntError(f"it points to {name[:100]!r}, which the label config does not have")
    if tag.name not in TEXT_TAGS:
        spelt = next((known for known in TEXT_TAGS if known.lower() == tag.name.lower()), None)
        hint = f"; write that tag as {spelt}" if spelt else ""
        raise NotLearntError(f"it reads {tag.name}; only text is learnt{hint}")
    if tag.crowded:
        raise NotLearntError(f"{tag.raw('name')[:100]!r} has more than {MOST_ATTRIBUTES} attributes")
    if tag.get("valueType").lower() == "url":
        raise NotLearntError("its text lies behind a URL, which labelwheel never fetches")
    check_name(tag.raw("name"))
    return Source(
        name=tag.raw("name"),
        tag=tag.name,
        value=tag.raw("value"),
        encoding=tag.get("encoding").lower() or "none",
        inline=tag.true("inline"),
        name_key=tag.get("nameKey") or "author",
        text_key=tag.get("textKey") or "text",
    )


def _choices(tag: Tag, sources: Sequence[Source]) -> dict[str, Any]:
    nested = tag.true("allowNested")
    multiple = tag.get("choice").lower() == "multiple"
    return {
        "kind": Kind.CHOICES if multiple else Kind.CHOICE,
        "options": read_options(tag, "Choice", nested=nested),
        "multiple": multiple,
        "nested": nested,
    }


def _spans(tag: Tag, sources: Sequence[Source]) -> dict[str, Any]:
    if len(sources) > 1 or sources[0].tag == "Paragraphs":
        raise NotLearntError(f"spans are learnt in one Text or HyperText, not in {sources[-1].tag}")
    return {"kind": Kind.SPANS, "options": read_options(tag, "Label", nested=False)}


def _rating(tag: Tag, sources: Sequence[Source]) -> dict[str, Any]:
    given = tag.get("maxRating") or str(DEFAULT_STARS)
    stars = _bound(given)
    if stars is None or not 2 <= stars <= MOST_STEPS or stars != int(stars):
        raise NotLearntError(f"maxRating is {given[:40]!r}; whole numbers from 2 to {MOST_STEPS} are learnt")
    return {"kind": Kind.RATING, "minimum": 1, "maximum": int(stars)}


def _taxonomy(tag: Tag, sources: Sequence[Source]) -> dict[str, Any]:
    most = _bound(tag.get("maxUsages"))
    return {
        "kind": Kind.TAXONOMY,
        "options": read_options(tag, "Choice", nested=True, leaves=tag.true("leafsOnly")),
        "limit": int(most) if most is not None and most >= 1 else None,
    }


def _number(tag: Tag, sources: Sequence[Source]) -> dict[str, Any]:
    return {"kind": Kind.NUMBER, "minimum": _bound(tag.get("min")), "maximum": _bound(tag.get("max"))}


def _pairwise(tag: Tag, sources: Sequence[Source]) -> dict[str, Any]:
    if len(sources) != 2 or sources[0].name == sources[1].name:
        raise NotLearntError(f"it compares two texts, and its toName names {len({one.name for one in sources})}")
    return {"kind": Kind.PAIRWISE}


def _text(tag: Tag, sources: Sequence[Source]) -> dict[str, Any]:
    """Without a limit of submissions people may give any number of texts."""
    most = _bound(tag.get("maxSubmissions"))
    return {"kind": Kind.TEXT, "maximum": int(most) if most is not None and most >= 1 else None}


_Shape = Callable[[Tag, Sequence[Source]], dict[str, Any]]

_SHAPES: Mapping[str, _Shape] = {
    "Choices": _choices,
    "Labels": _spans,
    "HyperTextLabels": _spans,
    "Rating": _rating,
    "Taxonomy": _taxonomy,
    "Number": _number,
    "Pairwise": _pairwise,
    "TextArea": _text,
}
_SPELLINGS = {name.lower(): name for name in (*_SHAPES, *OTHER_TAGS.split())}


def _bound(text: str) -> float | None:
    """A number in an attribute; None where there is none, which Label Studio's interface passes over."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _prompt(tag: Tag) -> str:
    """The header above a control, if it has one of its own."""
    above = tag.before
    if above is not None and above.name == "Header" and not above.raw("value").startswith("$"):
        return above.raw("value")
    return ""
