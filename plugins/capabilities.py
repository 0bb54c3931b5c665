"""What only some connectors can do: each a small protocol of its own, beside `labelwheel.plugins.connector.Connector`.

A connector has a capability where it has all of its methods; nothing has to be declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

from labelwheel.plugins.connector import Page, Suggestion
from labelwheel.training.questions import Answer, Example, Frozen


@runtime_checkable
class Fetches(Protocol):
    """A connector that can read a few examples by their keys: what a hint is about is then looked at by itself."""

    def fetch(self, keys: Sequence[str]) -> Page:
        """These examples as they are now, like a page of `poll`; its cursor says nothing, and moves nothing.

        Keys may be anybody's: what no example has is passed over. One is `gone` only where the tool itself says so.
        """


@runtime_checkable
class Foresees(Protocol):
    """A connector that knows which examples people see next, where its tool does not ask for them when they are opened.

    What is fitted to the last label is shown there at once; all others follow with the next generation.
    """

    def upcoming(self, count: int) -> Sequence[Example]:
        """At most so many examples that people are still to answer, those that they see next first."""


@runtime_checkable
class Bundles(Protocol):
    """A connector whose tool has as much to do for few suggestions as for many."""

    def at_once(self) -> int:
        """How many suggestions are best shown with one `push`, where nobody waits for the first of them."""


@runtime_checkable
class Explains(Protocol):
    """A connector that can show people which words carried a suggestion, in a way that never becomes a label."""

    def explain(self, suggestion: Suggestion) -> None:
        """Show a suggestion's reasons beside it, in place of those before; nothing where something else is shown."""


class Candidate(Frozen):
    """An example that people are still to answer, with what is suggested there.

    `score` is that of its least sure part, and `answers` says what is suggested, as far as that is one thing for each
    question: its name, a blank and the answer. Examples that are suggested the same have the same.
    """

    key: str
    text: str
    score: float
    answers: tuple[str, ...] = ()


def named(question: str, answer: object) -> str:
    """What a candidate's `answers` say of a question's answer."""
    return f"{question} {answer}"


@runtime_checkable
class Ranks(Protocol):
    """A connector that can show people which examples to take next. What comes first, it is told."""

    def candidates(self) -> Iterator[Candidate]:
        """The examples that people are still to answer and that have suggestions, in any order.

        Of very many, some that stand for all. One without suggestions may be among them, with a score of 0.
        """

    def rank(self, keys: Sequence[str]) -> None:
        """Show this order, the first first, in place of the one before; all other examples have none.

        A tool in which nothing can be sorted by a number shows which ones are the first of them.
        """


@runtime_checkable
class Doubts(Protocol):
    """A connector that can show people which labels somebody had better look at again."""

    def doubt(self, keys: Sequence[str]) -> None:
        """Show these examples, the most doubtful first, in place of those before; all others are shown no more.

        A tool may show the first of them alone; one that is gone there is passed over. Without any, nothing of it is
        left in the tool, nor after `unwire`. Raises ToolError where the tool has no place for them.
        """


@runtime_checkable
class Bridges(Protocol):
    """A connector whose tool has models of its own; the class is asked, no project is needed.

    `bridge` is the module that runs one in a process of its own, as `labelwheel.training.foreign.process` asks it.
    """

    bridge: ClassVar[str]


@runtime_checkable
class Links(Protocol):
    """A connector that knows where people see an example in their browser."""

    def link(self, key: str, fields: Mapping[str, str], labelled: bool) -> str | None:
        """The address that opens an example, or the nearest to it that the tool has; None while it is not known.

        `fields` has its texts by name, for a tool that must be searched; none for who may not see them. `labelled`
        tells that somebody has answered it.
        Of the connection and its options alone: the tool is not called.
        """


class Given(Frozen):
    """What somebody answered outside of the tool, about texts that need not be in it.

    `name` is that of this answer alone, never used twice; `fields` are the texts by name, as an example has them.
    """

    name: str
    fields: Mapping[str, str]
    answers: Mapping[str, Answer]


@runtime_checkable
class Adds(Protocol):
    """A connector that can put examples with an answer into its tool, where it is that of whose key we have."""

    def add(self, given: Given) -> None:
        """A new example with its answer, once: what was added under a name before is left as it is there.

        The web process calls it, for whoever waits; the ledger hears of it as of all that people do. Raises ToolError
        where the tool cannot have it; nothing of it is there then.
        """
