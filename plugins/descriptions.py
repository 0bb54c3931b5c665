"""What a route tells about itself: one mark at the route, from which the web process describes its HTTP API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, RootModel

from labelwheel.training.errors import LabelwheelError

_View = TypeVar("_View", bound=Callable[..., Any])


class Foreign(RootModel[dict[str, Any]]):
    """A JSON object as the labelling tool's own protocol has it; see there for what is in it."""


class Description(NamedTuple):
    """What is known of a route beside its address, its methods and who may use it."""

    summary: str
    takes: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    gives: type[BaseModel] | Callable[[], type[BaseModel]] | str | None = None
    status: int = 200
    refuses: tuple[type[LabelwheelError], ...] = ()
    others: Mapping[int, str] = {}
    security: Mapping[str, Mapping[str, str]] = {}

    @property
    def answer(self) -> type[BaseModel] | None:
        """The model that `gives` names; None where it names a content type, or nothing."""
        if self.gives is None or isinstance(self.gives, str | type):
            return self.gives if isinstance(self.gives, type) else None
        return self.gives()


def described(summary: str, **more: Any) -> Callable[[_View], _View]:
    """Marks a route with a `Description`: a sentence, and what else there is to say.

    `takes` and `query` are the models that check body and query. `gives` is that of the answer: a model, or a function
    that is asked for it once somebody wants it described; a text is a content type, None says that there is no body.
    `status` is that of success, `others` has what else may be answered, `refuses` the errors of this route alone.
    `security` has the OpenAPI scheme of a route with `own_credentials`, by its name.
    """
    description = Description(summary, **more)

    def mark(view: _View) -> _View:
        view.description = description  # type: ignore[attr-defined]
        return view

    return mark
