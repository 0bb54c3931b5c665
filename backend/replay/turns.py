"""Which labels come in turn: those of the recording, or the example that an order would show next."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime
from typing import NamedTuple, Protocol

from labelwheel.backend.database.tables import Event
from labelwheel.backend.replay.answers import Answers
from labelwheel.backend.replay.recording import Recording
from labelwheel.backend.suggestions import ordering
from labelwheel.backend.suggestions.ordering import Name
from labelwheel.backend.suggestions.so_far import TEXTS, SoFar
from labelwheel.plugins.capabilities import Candidate, named
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Answer, Example, Prediction

ANEW = 5
"""An order changes with the labels, every few seconds, in which people label so many."""


class Turn(NamedTuple):
    """What happens at one moment to one example; `first` tells that it was not labelled before."""

    key: str
    moment: datetime
    events: list[Event]
    first: bool


class Upcoming(NamedTuple):
    """When the next label comes, and the number of its event, where that is known before it comes."""

    moment: datetime
    event: int | None


class Turns(Protocol):
    """Gives one turn after the other, each from what is shown at that moment."""

    def upcoming(self) -> Upcoming | None:
        """The next turn, before it is taken; None after the last."""

    def take(self) -> Turn:
        """The next turn."""


class TrueTurns:
    """Each event as it came, deletions and second thoughts too; ends after so many examples are labelled."""

    def __init__(self, recording: Recording, labels: int) -> None:
        self._left, self._labels, self._seen = deque(recording.events), labels, set[str]()

    def upcoming(self) -> Upcoming | None:
        if not self._left or (self._left[0].example_key not in self._seen and len(self._seen) == self._labels):
            return None
        return Upcoming(self._left[0].recorded_at, self._left[0].id)

    def take(self) -> Turn:
        event = self._left.popleft()
        first = event.example_key not in self._seen
        self._seen.add(event.example_key)
        return Turn(event.example_key, event.recorded_at, [event], first)


class OrderedTurns:
    """The labelled examples in an order of the product; each brings all labels that it has in the end.

    The moments are those at which examples were labelled first.
    """

    def __init__(self, recording: Recording, labels: int, order: Name, answers: Answers) -> None:
        self._recording, self._order, self._answers = recording, order, answers
        self._left = _final(recording)
        firsts: dict[str, datetime] = {}
        for event in recording.events:
            firsts.setdefault(event.example_key, event.recorded_at)
        self._moments = deque(list(firsts.values())[: min(labels, len(self._left))])
        self._queue: deque[str] = deque()
        self._done: dict[str, Answer] = {}

    def upcoming(self) -> Upcoming | None:
        return Upcoming(self._moments[0], None) if self._moments else None

    def take(self) -> Turn:
        moment = self._moments.popleft()
        if not self._queue:
            self._queue.extend(self._next())
        key = self._queue.popleft()
        events = [_again(event, moment) for event in self._left.pop(key)]
        self._done[key] = self._recording.truth[key]
        return Turn(key, moment, events, True)

    def _next(self) -> list[str]:
        question, done = self._recording.question, self._done
        examples = [self._recording.example(key) for key in self._left]
        asked = self._answers.say(examples) if self._order in ordering.BY_ANSWERS else [Prediction() for _ in examples]
        candidates = [_candidate(question.name, *pair) for pair in zip(examples, asked, strict=True)]
        told = done.values() if kind_of(question).exclusive else ()
        given = Counter(named(question.name, answer) for answer in told)
        texts = tuple(" ".join(self._recording.example(key).fields.values()) for key in list(done)[-TEXTS:])
        found = ordering.ORDERS[self._order](candidates, ordering.RANKED, SoFar(given, len(done), texts))
        return [each.key for each in found[:ANEW]]


def _final(recording: Recording) -> dict[str, list[Event]]:
    """By example, the labels that are there in the end."""
    last: dict[tuple[str, str], Event] = {}
    for event in recording.events:
        last[event.example_key, event.work_key] = event
    found: dict[str, list[Event]] = {}
    for (key, _), event in last.items():
        if event.action != "deleted" and key in recording.truth:
            found.setdefault(key, []).append(event)
    return found


def _again(event: Event, moment: datetime) -> Event:
    """The same label, given for the first time at another moment; its number is the next one."""
    return Event(
        question=event.question, example_key=event.example_key, work_key=event.work_key, annotator=event.annotator,
        action="created", answer=event.answer, origin=event.origin, version=event.version, blind=event.blind,
        lead_time=event.lead_time, made_at=event.made_at, recorded_at=moment,
    )  # fmt: skip


def _candidate(name: str, example: Example, said: Prediction) -> Candidate:
    answers = (named(name, said.answer),) if isinstance(said.answer, str | int | float) else ()
    text = " ".join(example.fields.values())
    return Candidate(key=example.key, text=text, score=said.score if said.answer is not None else 0.0, answers=answers)
