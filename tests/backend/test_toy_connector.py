"""A connector in one file: a shoebox full of cards. It passes the suite, and goes through the whole loop.

It is registered as any other is, by an entry point that names the class; nothing of labelwheel knows it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import pytest
from flask import Blueprint
from sqlalchemy import select

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Label
from labelwheel.backend.ledger import hints
from labelwheel.backend.projects import connectors, projects
from labelwheel.backend.settings import Settings
from labelwheel.plugins.connector import Argument, Config, Connection, Host, Page, Service, Suggestion, Work
from labelwheel.plugins.testing.conformance import Conformance
from labelwheel.plugins.testing.stage import ANSWERS, Stage
from labelwheel.training.questions import Answer, Example, Kind, Option, Question
from tests.backend.world import World

TOPIC = Question(name="topic", kind=Kind.CHOICE, inputs=("text",), options=tuple(Option(value=one) for one in ANSWERS))


@dataclass
class Card:
    text: str
    touched: int
    answers: dict[str, str] = field(default_factory=dict)  # by the key of who wrote it
    pencilled: tuple[str, Answer] | None = None  # a suggestion, with its version


class Shoebox:
    """The labelling tool: cards, on which people write. Each touch of a card has a number."""

    def __init__(self) -> None:
        self.cards: dict[str, Card] = {}
        self.lid = ""  # what is written on it: the version that is announced
        self.touches = itertools.count(1)
        self.numbers = itertools.count(1)

    def add(self, text: str) -> str:
        key = f"card {next(self.numbers)}"
        self.cards[key] = Card(text, next(self.touches))
        return key

    def write(self, key: str, answer: str, who: str) -> None:
        self.cards[key].answers[who] = answer
        self.cards[key].touched = next(self.touches)


class ShoeboxConnector:
    """How labelwheel sees a shoebox, which it finds by the address on its side."""

    tool: ClassVar[str] = "shoebox"
    arguments: ClassVar[tuple[Argument, ...]] = (Argument(name="shelf", help="the shelf that it stands on"),)
    boxes: ClassVar[dict[str, Shoebox]] = {}

    def __init__(self, connection: Connection) -> None:
        self._place, self._box = f"{connection.url}/{connection.project}", self.boxes[connection.url]

    @classmethod
    def place(cls, arguments: Mapping[str, str]) -> str:
        return arguments["shelf"]

    def config(self) -> Config:
        return Config(reference=self._place, title="A shoebox", source="topic", questions=(TOPIC,))

    def wire(self, service: Service, version: str) -> Mapping[str, Any]:
        self._box.lid = version
        return {}

    def unwire(self) -> None:
        self._box.lid = ""

    def announce(self, version: str) -> None:
        self._box.lid = version

    def poll(self, cursor: str | None) -> Iterator[Page]:
        touched = {card.touched: key for key, card in self._box.cards.items() if card.touched > int(cursor or 0)}
        for some in self._pages(sorted(touched)):
            yield self._page([touched[number] for number in some], str(some[-1]))

    def sweep(self, cursor: str | None) -> Iterator[Page]:
        for some in self._pages(sorted(key for key in self._box.cards if key > (cursor or ""))):
            yield self._page(some, some[-1])

    def fetch(self, keys: Sequence[str]) -> Page:
        there = [key for key in dict.fromkeys(keys) if key in self._box.cards]
        gone = tuple(key for key in keys if key not in self._box.cards)
        return self._page(there, "").model_copy(update={"gone": gone})

    def waiting(self, version: str, cursor: str | None) -> Iterator[Page]:
        def waits(card: Card) -> bool:
            return not card.answers and (card.pencilled is None or card.pencilled[0] != version)

        for some in self._pages(sorted(key for key, card in self._box.cards.items() if waits(card))):
            yield Page(examples=self._page(some, "").examples)

    def push(self, suggestions: Sequence[Suggestion], questions: Sequence[Question]) -> int:
        taken = 0
        for one in suggestions:
            if one.blind and one.example.key in self._box.cards:
                self._box.cards[one.example.key].pencilled = None
                continue
            said = one.predictions["topic"].answer
            if one.example.key in self._box.cards and said in ANSWERS:
                self._box.cards[one.example.key].pencilled = one.version, said
                taken += 1
        return taken

    def shows(self, suggestion: Suggestion) -> Mapping[str, Answer]:
        said = suggestion.predictions["topic"].answer
        return {"topic": said} if said in ANSWERS else {}

    def retire(self, versions: Iterable[str]) -> None:
        old = set(versions)
        for card in self._box.cards.values():
            if card.pencilled is not None and card.pencilled[0] in old:
                card.pencilled = None

    @classmethod
    def routes(cls, host: Host) -> Blueprint:
        return Blueprint("shoebox", __name__)

    def _pages(self, keys: list[Any]) -> Iterator[list[Any]]:
        return (keys[start : start + 3] for start in range(0, len(keys), 3))

    def _page(self, keys: Sequence[str], cursor: str) -> Page:
        cards = [(key, self._box.cards[key]) for key in keys]
        work = tuple(
            Work(
                key=f"{key} by {who}", example=key, annotator=who, answers={"topic": answer},
                updated_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=card.touched),
            )
            for key, card in cards
            for who, answer in card.answers.items()
        )  # fmt: skip
        examples = tuple(Example(key=key, fields={"text": card.text}) for key, card in cards)
        return Page(examples=examples, work=work, refreshed=tuple(keys), cursor=cursor)


class BoxStage:
    """People at a shoebox, for the suite."""

    _numbers = itertools.count(1)

    def __init__(self) -> None:
        self.box, self._url = Shoebox(), f"http://box{next(self._numbers)}"
        ShoeboxConnector.boxes[self._url] = self.box

    def connector(self) -> ShoeboxConnector:
        return ShoeboxConnector(Connection(tool="shoebox", url=self._url, api_key="none", project="top"))

    def add(self, text: str) -> str:
        return self.box.add(text)

    def remove(self, example: str) -> None:
        del self.box.cards[example]

    def answer(self, example: str, answer: str, work: str | None = None) -> str:
        self.box.write(example, answer, "ann")
        return f"{example} by ann"

    def withdraw(self, work: str) -> None:
        key, _, who = work.partition(" by ")
        del self.box.cards[key].answers[who]
        self.box.cards[key].touched = next(self.box.touches)

    def shown(self, example: str) -> str | None:
        pencilled = self.box.cards[example].pencilled
        return pencilled[1] if pencilled else None


class TestShoebox(Conformance):
    @pytest.fixture
    def stage(self) -> Stage:
        return BoxStage()


@pytest.fixture
def shoebox(monkeypatch: pytest.MonkeyPatch) -> Shoebox:
    """One that labelwheel can be connected to."""
    entry = EntryPoint(name="shoebox", value=f"{__name__}:ShoeboxConnector", group=connectors.GROUP)
    monkeypatch.setattr(connectors, "_installed", lambda: {"shoebox": entry})
    ShoeboxConnector.boxes["http://attic"] = box = Shoebox()
    return box


def test_a_shoebox_is_learnt_from_and_suggested_into(
    shoebox: Shoebox, impatient: None, database: Database, settings: Settings
) -> None:
    world = World(database, settings)
    keys = [shoebox.add(f"card number {number} is about {number**7}") for number in range(10)]
    assert connectors.load("shoebox").place({"shelf": "top"}) == "top"
    with database.transaction() as tx:
        projects.register(tx, settings, "shoebox", "http://attic", "top", "none", "http://us:9090")

    def pencilled(version: str) -> set[str]:
        return {key for key, card in shoebox.cards.items() if card.pencilled and card.pencilled[0] == version}

    def caught_up(answered: int) -> bool:
        served = world.generation
        return shoebox.lid == served != "" and pencilled(served) >= set(keys[answered:])

    world.until(lambda: caught_up(0))
    first = world.generation
    for number, key in enumerate(keys[:6]):
        shoebox.write(key, ANSWERS[number % 2], "ann")
    with database.transaction() as tx:
        hints.hint(tx, "shoebox", "http://attic/top", hints.bounded(keys[:6]))
    world.until(lambda: len(world.checkpoints) == 2 and caught_up(6))
    assert world.generation != first, "what was learnt is served"
    world.until(lambda: pencilled(first) == set())  # what it replaced is taken away
    with database.session() as session:
        rows = session.scalars(select(Label)).all()
    assert {row.example_key: row.answer for row in rows} == {key: ANSWERS[n % 2] for n, key in enumerate(keys[:6])}
    assert world.kinds() == ["ordered", "started", "promoted"] * 2
