"""What a dataset asks: its questions as labelwheel's, and what is not learnt, with the reason."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

from labelwheel.plugins.argilla import fields
from labelwheel.plugins.connector import Unlearnt
from labelwheel.plugins.limits import (
    LONGEST_NAME,
    LONGEST_OPTION,
    MOST_OPTIONS,
    MOST_STEPS,
    NotLearntError,
    check_name,
    clean,
    refused_option,
    why,
)
from labelwheel.training.questions import Example, Kind, Option, Question, brief

log = logging.getLogger(__name__)

FARTHEST = 1_000_000
"""No rating is larger than this."""
DIGITS = re.compile("-?[0-9]{1,9}")
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

    aliases: Mapping[str, str] = field(default_factory=dict)
    """The value of an option by what people see."""

    @cached_property
    def values(self) -> list[Any]:
        """The options' values, in their order."""
        return [option.get("value") for option in _listed(self.settings)]

    def canonical(self, said: Any) -> Any:
        """An option's value, from what an answer calls it; anything else as it is."""
        if self.type == "rating":
            said = int(said) if isinstance(said, str) and DIGITS.fullmatch(said) else said
            return str(said) if type(said) is int and self.questions[0].options else said
        return self.aliases.get(said, said) if isinstance(said, str) else said


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
    for number, one in enumerate(shown):
        name = _named(one, f"field {number + 1}")
        try:
            check_name(name)
            kind = str(_settings(one).get("type"))
            if kind not in fields.READ:
                raise NotLearntError(fields.UNREAD.get(kind, f"fields of the type {kind:.80} are not known"))
            layout.read[name], layout.titles[name] = kind, clean(str(one.get("title") or name))
        except Exception as error:
            _set_aside(layout, f"field {name}", error)
    for number, one in enumerate(asked):
        name = _named(one, f"question {number + 1}")
        try:
            check_name(name)
            settings = _settings(one)
            questions, pairs = _learnt(name, one, settings, layout)
            taken = {question.name for question in layout.questions}
            for question in questions:
                check_name(question.name)
                if question.name in taken:
                    raise NotLearntError(f"another question is called {question.name[:100]!r} too")
            kind, aliases = str(settings["type"]), _aliases(settings)
            layout.controls.append(
                Control(str(one["id"]), name, kind, settings, tuple(questions), tuple(pairs), aliases)
            )
            if dropped := _refused(settings):
                layout.unlearnt.append(Unlearnt(name=f"some options of {name}", reason=dropped))
        except Exception as error:
            _set_aside(layout, name, error)
    return layout


def _set_aside(layout: Layout, name: str, error: Exception) -> None:
    """One question costs no other, whatever is wrong with it."""
    if not isinstance(error, NotLearntError):
        log.error("%.100s of a dataset could not be read", name, exc_info=error)
    layout.unlearnt.append(Unlearnt(name=clean(name)[:LONGEST_NAME], reason=why(error)))


def _settings(one: Any) -> Mapping[str, Any]:
    settings = one.get("settings") if isinstance(one, Mapping) else None
    if not isinstance(settings, Mapping):
        raise NotLearntError("it has no settings that can be read")
    return settings


def _named(one: Any, otherwise: str) -> str:
    return str(one.get("name") or otherwise) if isinstance(one, Mapping) else otherwise


_Found = tuple[list[Question], list[tuple[str, str]]]


def _learnt(name: str, one: Mapping[str, Any], settings: Mapping[str, Any], layout: Layout) -> _Found:
    """What is learnt of a question; raises NotLearntError with the reason where nothing is."""
    kind, read = str(settings.get("type")), layout.read
    if not read:
        raise NotLearntError("the dataset has no text or chat field to read")
    titles = tuple(layout.titles.values()) if len(read) > 1 else ()
    base: dict[str, Any] = {"name": name, "inputs": tuple(read), "titles": titles, "prompt": _prompt(one)}
    match kind:
        case "label_selection":
            return [Question(kind=Kind.CHOICE, options=_options(settings), **base)], []
        case "multi_label_selection":
            return [Question(kind=Kind.CHOICES, options=_options(settings), **base)], []
        case "span":
            marked = {**base, "inputs": (_text_field(settings, read),), "titles": ()}
            return [Question(kind=Kind.SPANS, options=_options(settings), **marked)], []
        case "text":
            return [Question(kind=Kind.TEXT, maximum=1, **base)], []
        case "rating":
            return _rating(settings, base)
        case "ranking":
            return _ranking(_options(settings), base, read)
    raise NotLearntError(f"questions of the type {kind:.80} are not known")


def _text_field(settings: Mapping[str, Any], read: Mapping[str, str]) -> str:
    name = settings.get("field")
    if not isinstance(name, str) or read.get(name) != "text":
        raise NotLearntError(f"it marks parts of {brief(name)}, which is no text field")
    return name


def _rating(settings: Mapping[str, Any], base: dict[str, Any]) -> _Found:
    given: list[Any] = [option.get("value") for option in _listed(settings)]
    values: list[int] = sorted({value for value in given if type(value) is int})
    if len(values) < 2:
        raise NotLearntError("it offers a single rating, so there is nothing to learn")
    if len(values) > MOST_STEPS:
        raise NotLearntError(f"it offers {len(values)} ratings; {MOST_STEPS} are the most that is learnt")
    if not -FARTHEST <= values[0] <= values[-1] <= FARTHEST:
        raise NotLearntError(f"it offers ratings beyond {FARTHEST}")
    if values[-1] - values[0] == len(values) - 1:
        return [Question(kind=Kind.RATING, minimum=values[0], maximum=values[-1], **base)], []
    # with gaps, a number in between would be no answer
    return [Question(kind=Kind.CHOICE, options=tuple(Option(value=str(one)) for one in values), **base)], []


def _ranking(options: Sequence[Option], base: dict[str, Any], read: Mapping[str, str]) -> _Found:
    """For each pair of options, which comes first: as two texts where options name fields, else as two labels."""
    if not 2 <= len(options) <= MOST_RANKED:
        raise NotLearntError(f"it ranks {len(options)} options; pairs of 2 to {MOST_RANKED} are learnt")
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
    """The options that can be learnt, each once; answers with another one are rejected by name."""
    found: dict[str, Option] = {}
    for one in _listed(settings):
        value, shown = str(one.get("value") or ""), str(one.get("text") or "")
        if refused_option(value) is not None:
            continue
        hints = [shown if shown != value else "", str(one.get("description") or "")]
        hint = clean(", ".join(filter(None, hints)))[:LONGEST_OPTION]
        found.setdefault(value, Option(value=value, hint=hint))
        if len(found) > MOST_OPTIONS:
            raise NotLearntError(f"it offers more than {MOST_OPTIONS} options")
    if not found:
        raise NotLearntError(": ".join(filter(None, ("it has no options", _refused(settings)))))
    return tuple(found.values())


def _refused(settings: Mapping[str, Any]) -> str:
    """Why some options are left out; empty where none is."""
    reasons = [refused_option(str(one.get("value") or "")) for one in _listed(settings)]
    return "; ".join(dict.fromkeys(filter(None, reasons)))[:500]


def _aliases(settings: Mapping[str, Any]) -> dict[str, str]:
    """Values by what people see; a value comes before another option's text."""
    listed = [(str(one.get("value")), one.get("text")) for one in _listed(settings)]
    values = {value for value, _ in listed}
    return {text: value for value, text in reversed(listed) if isinstance(text, str) and text not in values}


def _listed(settings: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The options as Argilla has them."""
    options = settings.get("options")
    return [one for one in options if isinstance(one, Mapping)] if isinstance(options, list) else []


def _prompt(one: Mapping[str, Any]) -> str:
    return clean(" ".join(str(one.get(part)) for part in ("title", "description") if one.get(part)))
