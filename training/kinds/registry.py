"""Every kind of question there is: those that come along, and the installed entry points `labelwheel.kinds`.

This module imports nothing of ours, so that the vocabulary can ask it; the kinds themselves are loaded when first asked
for. A package that brings a kind names its class in an entry point, and every process knows it: web, worker and job.
"""

from __future__ import annotations

from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING

from labelwheel.training import entry_points
from labelwheel.training.errors import BrokenPlugin, DuplicateKind

if TYPE_CHECKING:
    from labelwheel.training.kinds.base import QuestionKind
    from labelwheel.training.questions import Question

GROUP = "labelwheel.kinds"

_broken: dict[str, str] = {}

_BUILT_IN = (
    "choice:Choice",
    "choices:Choices",
    "spans:Spans",
    "rating:Rating",
    "taxonomy:Taxonomy",
    "number:Number",
    "pairwise:Pairwise",
    "text:Text",
)


def kind_of(question: Question | str) -> QuestionKind:
    """What a question's kind knows, or the kind of that name; there is one object of each, for they keep nothing.

    Raises KeyError for a name that nobody registered; no `Question` has one.
    """
    return _registered()[question if isinstance(question, str) else question.kind]


def kinds() -> list[QuestionKind]:
    """All of them, those that come along first."""
    return list(_registered().values())


def names() -> list[str]:
    """What they are called."""
    return list(_registered())


def broken() -> dict[str, str]:
    """Why some that are installed are not among them, by the names of their entry points."""
    _registered()
    return dict(_broken)


def register(kind: type[QuestionKind]) -> None:
    """Have this process know one more. Raises DuplicateKind where another has its name."""
    _add(_registered(), kind)


def unregister(kind: type[QuestionKind]) -> None:
    """Have this process know it no more."""
    del _registered()[kind.name]


@cache
def _registered() -> dict[str, QuestionKind]:
    found: dict[str, QuestionKind] = {}
    for place in _BUILT_IN:
        module, _, name = place.partition(":")
        _add(found, getattr(import_module(f"{__package__}.{module}"), name))
    _broken.clear()
    _broken.update(entry_points.take(GROUP, partial(_add, found)))
    return found


def _add(found: dict[str, QuestionKind], kind: type[QuestionKind]) -> None:
    from labelwheel.training.kinds.base import QuestionKind

    if not (isinstance(kind, type) and issubclass(kind, QuestionKind)) or not isinstance(
        getattr(kind, "name", None), str
    ):
        raise BrokenPlugin(f"{kind!r:.100} is no QuestionKind with a name; see `labelwheel.training.kinds.base`")
    if kind.name in found:
        raise DuplicateKind(f"there is a kind of question {kind.name!r} already; give this one another name")
    found[kind.name] = kind()
