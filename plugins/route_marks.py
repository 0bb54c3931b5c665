"""What a connector's route says of itself: who may call it, and how much it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_View = TypeVar("_View", bound=Callable[..., Any])


def own_credentials(check: Callable[..., object]) -> Callable[[_View], _View]:
    """Marks a route whose caller cannot send the token.

    `check` is called with the arguments of the route before a byte of the body is read, and raises what is to be
    answered. What it has to see the body for, such as a signature, the route itself checks.
    """

    def mark(view: _View) -> _View:
        view.own_credentials = check  # type: ignore[attr-defined]
        return view

    return mark


def body_limit(size: int | None) -> Callable[[_View], _View]:
    """Marks a route that takes bodies of up to `size` bytes; None: as large as the settings allow at all."""

    def mark(view: _View) -> _View:
        view.body_limit = size  # type: ignore[attr-defined]
        return view

    return mark


def takes_webhooks(view: _View) -> _View:
    """Marks a route that the secret in a webhook's headers opens too."""
    view.takes_webhooks = True  # type: ignore[attr-defined]
    return view


def readable(view: _View) -> _View:
    """Marks a route that the read-only token opens too: it changes nothing and tells nobody's texts."""
    view.readable = True  # type: ignore[attr-defined]
    return view


def page(view: _View) -> _View:
    """Marks a route that gives people something to look at, and is no part of the API that is described."""
    view.page = True  # type: ignore[attr-defined]
    return view
