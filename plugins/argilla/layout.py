"""What a dataset asks: its questions as labelwheel's, and what is not learnt, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

from plugins.argilla import fields
from plugins.connector import Unlearnt
from training.questions import Example, Kind, Option, Question

MOST_RANKED = 4
"""A ranking is learnt pair by pair: four options are six questions, five would be ten."""


@dataclass(frozen=True)
class Control:
    """One question of Argilla's, with what is learnt of it: one question, or one for each pair of a ranking."""

    id: str
    name: str
    type: str
    settings: Mapping[str, Any]
    questions: tuple[Question, ...]
    pairs: tuple[tuple[str, str], ...] = ()

    @cached_property
    def values(self) -> list[Any]:
        """The options' values, in their order."""
        return [option["value"] for option in self.settings.get("options") or []]


@dataclass
class Layout:
    """A dataset's fields and questions. `read` has the type of each field with text, by name, in their order.

    `titles` has what people see above each of them.
    """

    read: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    controls: list[Control] = field(default_factory=list)
    unlearnt: list[Unlearnt] = field(default_factory=list)

    @property
    def questions(self) -> tuple[Question, ...]:
        """All that is learnt."""
        return tuple(question for control in self.controls for question in control.questions)

    def example(self, record: Mapping[str, Any]) -> Example:
        """A record as an example."""
        return fields.example(record, self.read)


def read(shown: Sequence[Mapping[str, Any]], asked: Sequence[Mapping[str, Any]]) -> Layout:
    """The layout of a dataset with these fields and questions, as the API has them."""
    layout = Layout()
    for one in shown:
        kind = str(one["settings"].get("type"))
        if kind in fields.READ:
            layout.read[str(one["name"])] = kind
            layout.titles[str(one["name"])] = str(one.get("title") or one["name"])
        else:
            reason = fields.UNREAD.get(kind, f"fields of the type {kind} are not known")
            layout.unlearnt.append(Unlearnt(name=f"field {one['name']}", reason=reason))
    for one in asked:
        name, settings = str(one["name"]), one["settings"]
        found = _learnt(one, settings, layout)
        if isinstance(found, str):
            layout.unlearnt.append(Unlearnt(name=name, reason=found))
        else:
            questions, pairs = found
            layout.controls.append(
                Control(str(one["id"]), name, str(settings["type"]), settings, tuple(questions), tuple(pairs))
            )
    return layout


_Found = tuple[list[Question], list[tuple[str, str]]]


def _learnt(one: Mapping[str, Any], settings: Mapping[str, Any], layout: Layout) -> _Found | str:
    """What is learnt of a question, or why nothing is."""
    kind, name, read = str(settings.get("type")), str(one["name"]), layout.read
    if kind == "text":
        return "it is answered with free text, which is not learnt"
    if not read:
        return "the dataset has no text or chat field to read"
    titles = tuple(layout.titles.values()) if len(read) > 1 else ()
    base: dict[str, Any] = {"name": name, "inputs": tuple(read), "titles": titles, "prompt": _prompt(one)}
    options = _options(settings)
    match kind:
        case "label_selection":
            return [Question(kind=Kind.CHOICE, options=options, **base)], []
        case "multi_label_selection":
            return [Question(kind=Kind.CHOICES, options=options, **base)], []
        case "span":
            if read.get(str(settings.get("field"))) != "text":
                return f"it marks parts of {settings.get('field')!r}, which is no text field"
            return [
                Question(kind=Kind.SPANS, options=options, **{**base, "inputs": (settings["field"],), "titles": ()})
            ], []
        case "rating":
            return _rating(settings, base)
        case "ranking":
            return _ranking(options, base, read)
    return f"questions of the type {kind} are not known"


def _rating(settings: Mapping[str, Any], base: dict[str, Any]) -> _Found | str:
    values = sorted(int(option["value"]) for option in settings["options"])
    if len(values) < 2:
        return "it offers a single rating, so there is nothing to learn"
    if values == list(range(values[0], values[-1] + 1)):
        return [Question(kind=Kind.RATING, minimum=values[0], maximum=values[-1], **base)], []
    # with gaps, a number in between would be no answer
    return [Question(kind=Kind.CHOICE, options=tuple(Option(value=str(one)) for one in values), **base)], []


def _ranking(options: Sequence[Option], base: dict[str, Any], read: Mapping[str, str]) -> _Found | str:
    """For each pair of options, which comes first: as two texts where options name fields, else as two labels."""
    if not 2 <= len(options) <= MOST_RANKED:
        return f"it ranks {len(options)} options; pairs of 2 to {MOST_RANKED} are learnt"
    pairs = list(combinations(options, 2))
    questions = []
    for one, other in pairs:
        name = base["name"] if len(pairs) == 1 else f"{base['name']}: {one.value} or {other.value}"
        if one.value in read and other.value in read:
            inputs = (one.value, other.value)
            sides = {"name": name, "inputs": inputs, "titles": ()}
            questions.append(Question(kind=Kind.PAIRWISE, **{**base, **sides}))
        else:
            questions.append(Question(kind=Kind.CHOICE, options=(one, other), **{**base, "name": name}))
    return questions, [(one.value, other.value) for one, other in pairs]


def _options(settings: Mapping[str, Any]) -> tuple[Option, ...]:
    found = []
    for one in settings.get("options") or []:
        value, shown = str(one["value"]), str(one.get("text") or "")
        hints = [shown if shown != value else "", str(one.get("description") or "")]
        found.append(Option(value=value, hint=", ".join(filter(None, hints))))
    return tuple(found)


def _prompt(one: Mapping[str, Any]) -> str:
    return " ".join(str(one.get(part)) for part in ("title", "description") if one.get(part))
