"""How the commands present themselves: in the order in which people need them, flags without a type."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

FIRST = ("serve", "connect", "status", "report", "train", "checkpoints", "rollback", "predict", "export")
"""What a newcomer meets first stands first; the rest follows as it was added."""


class Command(TyperCommand):
    """A command whose flags are listed by their names alone."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All parameters; a flag takes no value, so that `<bool>` beside it would mislead."""
        return _untyped(super().get_params(ctx))


class Group(TyperGroup):
    """A command with others below it, those of `FIRST` in that order."""

    def get_params(self, ctx: Any) -> list[Any]:
        """As of a command."""
        return _untyped(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, as they are listed."""
        places = {name: place for place, name in enumerate(FIRST)}
        return sorted(super().list_commands(ctx), key=lambda name: places.get(name, len(places)))


def _untyped(parameters: list[Any]) -> list[Any]:
    for each in parameters:
        if getattr(each, "is_bool_flag", False) and each.metavar is None:
            each.metavar = ""
    return parameters
