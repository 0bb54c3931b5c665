"""The options of a control: what it is answered with, and under which other names Label Studio takes the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from labelwheel.plugins.label_studio.markup import Tag
from labelwheel.plugins.limits import (
    LONGEST_OPTION,
    MOST_CHARACTERS,
    MOST_LEVELS,
    MOST_OPTIONS,
    NotLearntError,
    refused_option,
)
from labelwheel.training.questions import PATH_SEPARATOR, Option


@dataclass
class Options:
    """`found` in their order. `aliases` has the step that is meant by its parent's path and another name of it.

    `dropped` says which options were left out, and why.
    """

    found: tuple[Option, ...] = ()
    aliases: Mapping[tuple[str, str], str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()


def read_options(control: Tag, name: str, *, nested: bool, leaves: bool = False) -> Options:
    """The options of this tag's `name` under a control: paths where `nested`, of `leaves` alone if so.

    Raises NotLearntError where there is none, or where they are too many, too deep or too long together.
    """
    reading = _Reading(name, nested)
    walk = [(child, "", 1) for child in reversed(control.children)]
    while walk:
        tag, path, level = walk.pop()
        if tag.raw("toName"):
            continue  # a control of its own
        if tag.name != name:
            walk += [(child, path, level) for child in reversed(tag.children)]
            continue
        step = reading.take(tag, path)
        if step is None:
            continue
        here = _join(path, step) if nested else step
        within = [child for child in tag.children if nested]
        if within and level == MOST_LEVELS:
            raise NotLearntError(f"its options stand within each other on more than {MOST_LEVELS} levels")
        inner = any(child.name == name for child in within)
        reading.add(here, tag, step, offered=not (leaves and inner))
        walk += [(child, here, level + 1) for child in reversed(within)]
    return reading.options()


def canonical(options: Options, steps: Sequence[str]) -> str:
    """A path, or a single value, by the names that the config gives now."""
    if not options.aliases or len(steps) > MOST_LEVELS:
        return PATH_SEPARATOR.join(steps)
    path = ""
    for step in steps:
        path = _join(path, options.aliases.get((path, step), step))
    return path


class _Reading:
    def __init__(self, name: str, nested: bool) -> None:
        self._name, self._nested = name, nested
        self._found: dict[str, Option] = {}
        self._steps: set[tuple[str, str]] = set()
        self._aliases: dict[tuple[str, str], str] = {}
        self._dropped: dict[str, None] = {}
        self._length = 0

    def take(self, tag: Tag, path: str) -> str | None:
        """The step that an option adds to a path; None where it is left out, with all that stands in it."""
        shown, alias = tag.raw("value"), tag.raw("alias")
        step = alias or shown
        refused = refused_option(step)
        if shown.startswith("$"):
            refused = f"{shown[:80]!r} has no fixed value, it comes with each task"
        if refused is None and self._nested and PATH_SEPARATOR in step:
            refused = f"{step[:80]!r} contains {PATH_SEPARATOR!r}, which separates the steps of a path"
        if refused is not None:
            self._dropped[refused] = None
            return None
        parent = path if self._nested else ""
        self._steps.add((parent, step))
        if alias and shown:
            self._aliases.setdefault((parent, shown), step)
        return step

    def add(self, value: str, tag: Tag, step: str, *, offered: bool) -> None:
        """An option at the end of its path; one that stands in two groups is one."""
        self._length += len(value)
        if len(self._found) == MOST_OPTIONS or self._length > MOST_CHARACTERS:
            raise NotLearntError(f"it offers more than {MOST_OPTIONS} options, or too long ones to learn them all")
        if offered and value not in self._found:
            shown = tag.raw("value")
            hint = ": ".join(part for part in (shown if shown != step else "", tag.raw("hint")) if part)
            self._found[value] = Option(value=value, hint=hint[:LONGEST_OPTION])

    def options(self) -> Options:
        """What was found; an option's own name comes before another's old one."""
        if not self._found:
            reasons = "; ".join(self._dropped)
            raise NotLearntError(f"it has no options{f': {reasons}' if reasons else ''}"[:500])
        aliases = {key: step for key, step in self._aliases.items() if key not in self._steps}
        return Options(tuple(self._found.values()), aliases, tuple(self._dropped))


def _join(path: str, step: str) -> str:
    return f"{path}{PATH_SEPARATOR}{step}" if path else step
