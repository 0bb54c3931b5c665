"""People at work in a labelling tool that is not there: for stand-ins that answer a connector's calls from memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from labelwheel.plugins.connector import Connector

START = datetime(2026, 1, 1, tzinfo=UTC)


class People:
    """Examples and the work on them, with times as a tool gives them; `called` is told of each call."""

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self.moved: dict[int, datetime] = {}
        self.work: dict[int, tuple[int, str, datetime]] = {}  # by its key: example, answer, when
        self.suggested: dict[int, list[dict[str, Any]]] = {}  # by example, as the tool keeps it
        self.columns: dict[int, dict[str, object]] = {}  # by example, what is known of it beside its text
        self.ranks: dict[int, int] = {}
        self.spoilt: set[int] = set()  # examples over which the tool fails
        self.called: Callable[[str], None] = lambda name: None
        self._seconds, self._keys, self._examples = itertools.count(1), itertools.count(1), itertools.count(1)

    def add(self, text: str) -> int:
        key = next(self._examples)
        self.texts[key] = text
        self._touch(key)
        return key

    def answer(self, example: int, answer: str, work: int | None = None) -> int:
        """Someone answers, or changes an answer."""
        work = work or next(self._keys)
        self.work[work] = example, answer, self._touch(example)
        return work

    def describe(self, example: int, columns: Mapping[str, object]) -> None:
        self.columns[example] = dict(columns)
        self._touch(example)

    def withdraw(self, work: int) -> None:
        self._touch(self.work.pop(work)[0])

    def remove(self, example: int) -> None:
        """Only a sweep can see it."""
        del self.texts[example], self.moved[example]
        for key in [key for key, one in self.work.items() if one[0] == example]:
            del self.work[key]

    @property
    def truth(self) -> dict[str, str]:
        """Answer by work."""
        return {self.name(key): answer for key, (_, answer, _) in self.work.items()}

    @property
    def examples(self) -> set[str]:
        return {self.name(key) for key in self.texts}

    def name(self, number: int) -> str:
        """An example's, or some work's, key as the tool gives it."""
        return str(number)

    def number(self, name: str) -> int:
        """The other way; 0 for what is no name of anything."""
        return next((number for number in {*self.texts, *self.work} if self.name(number) == name), 0)

    def on(self, example: int) -> Iterator[tuple[int, str, datetime]]:
        """The work on one example."""
        return ((key, answer, at) for key, (about, answer, at) in self.work.items() if about == example)

    def _touch(self, example: int) -> datetime:
        self.moved[example] = at = START + timedelta(seconds=next(self._seconds))
        return at


class PeopleStage:
    """labelwheel.plugins.testing.stage.Stage over people in memory.

    `connect` makes a connector to them, `say` reads what the tool's own form of the suggestions of one example says.
    """

    def __init__(
        self,
        people: People,
        connect: Callable[[People], Connector],
        say: Callable[[list[dict[str, Any]]], str | None],
    ) -> None:
        self.people, self._connect, self._say = people, connect, say

    def connector(self) -> Connector:
        return self._connect(self.people)

    def add(self, text: str) -> str:
        return self.people.name(self.people.add(text))

    def remove(self, example: str) -> None:
        self.people.remove(self.people.number(example))

    def answer(self, example: str, answer: str, work: str | None = None) -> str:
        number = self.people.number(work) if work else None
        return self.people.name(self.people.answer(self.people.number(example), answer, number))

    def withdraw(self, work: str) -> None:
        self.people.withdraw(self.people.number(work))

    def shown(self, example: str) -> str | None:
        return self._say(self.people.suggested.get(self.people.number(example), []))

    def spoil(self, example: str, broken: bool) -> None:
        number = self.people.number(example)
        (self.people.spoilt.add if broken else self.people.spoilt.discard)(number)

    def describe(self, example: str, columns: Mapping[str, object]) -> None:
        self.people.describe(self.people.number(example), columns)

    def order(self) -> list[str]:
        return [self.people.name(number) for number in sorted(self.people.ranks, key=self.people.ranks.__getitem__)]
