"""What the conformance suite asks of a labelling tool, so that it can play the people who work there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from labelwheel.plugins.connector import Connector

ANSWERS = ("sport", "politics")
"""What the one question of a stage may be answered with."""


class Stage(Protocol):
    """One project in a labelling tool, real or in memory. It has no examples yet, and is of this test alone.

    It asks one question about a text: which one of ANSWERS it is. Keys are those that the connector gives. What a tool
    shows late (an index, a cache), a stage waits for.
    """

    def connector(self) -> Connector:
        """A connector to the project, made anew, as after a restart."""

    def add(self, text: str) -> str:
        """Someone imports an example; returns its key."""

    def remove(self, example: str) -> None:
        """Someone deletes an example, and all work on it."""

    def answer(self, example: str, answer: str, work: str | None = None) -> str:
        """Someone submits an answer, or another one in place of what they submitted; returns the key of their work."""

    def withdraw(self, work: str) -> None:
        """Someone deletes what was submitted."""

    def shown(self, example: str) -> str | None:
        """What is suggested to people for an example; None where nothing is."""


@runtime_checkable
class Breakable(Protocol):
    """A stage whose tool can be made to fail over one example."""

    def spoil(self, example: str, broken: bool) -> None:
        """From now on the tool fails whenever it is to show this example, or does so no longer."""


@runtime_checkable
class Described(Protocol):
    """A stage whose tool keeps more of an example than its text."""

    def describe(self, example: str, columns: Mapping[str, object]) -> None:
        """Someone gives an example these values, in place of those that it had."""


@runtime_checkable
class Ordered(Protocol):
    """A stage that knows in which order people see examples, for a connector that can show one."""

    def order(self) -> list[str]:
        """Keys of the examples that have a place, the first first."""


@runtime_checkable
class Doubted(Protocol):
    """A stage that knows which labels people are shown to look at again, for a connector that can show them."""

    def doubted(self) -> list[str]:
        """Keys of these examples, in whatever order the tool has them."""
