"""What other packages bring by entry points. Each is loaded by itself: one that is broken costs itself and no other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from labelwheel.training.errors import BrokenPlugin, LabelwheelError

logger = logging.getLogger(__name__)


def installed(group: str) -> list[EntryPoint]:
    """Those of a group, in the order of their names."""
    return sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value))


def load(entry: EntryPoint) -> Any:
    """What an entry point names. Raises BrokenPlugin whatever its package does meanwhile, `sys.exit` included."""
    try:
        return entry.load()
    except (Exception, SystemExit) as error:
        raise BrokenPlugin(f"{entry.name!r} ({entry.value}) cannot be loaded: {line(error)}") from error


def take(group: str, add: Callable[[Any], object]) -> dict[str, str]:
    """Gives all of a group to `add`; says of those that failed, there or before, why: by name, in one line."""
    broken: dict[str, str] = {}
    for entry in installed(group):
        try:
            add(load(entry))
        except Exception as error:
            broken[entry.name] = line(error)
            logger.warning("A plugin is left out: %s: %s", group, broken[entry.name], exc_info=True)
    return broken


def line(error: BaseException) -> str:
    """An error in one line: the message of ours as it is, any other with its type."""
    said = " ".join(str(error).split())[:300]
    return said if isinstance(error, LabelwheelError) and said else f"{type(error).__name__}: {said}".removesuffix(": ")
