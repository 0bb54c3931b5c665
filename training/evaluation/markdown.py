"""The pieces of Markdown that reports are made of; what people wrote never becomes markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table; empty without rows."""
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}", *lines])


def number(value: float | None) -> str:
    """Three places; a dash for what is not known."""
    return "–" if value is None else f"{value:.3f}"


def change(value: float, low: float, high: float) -> str:
    """A difference with its interval."""
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def words(name: str) -> str:
    """A name of the code as people write it."""
    text = name.replace("_", " ").replace("f1", "F1")
    return text[:1].upper() + text[1:]


def cell(text: str) -> str:
    """What people named must not break the table, nor become markup."""
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return " ".join(escaped.split())


def code(text: object) -> str:
    """As code."""
    return f"`{str(text).replace('`', ' ')}`"
