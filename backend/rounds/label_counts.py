"""What counts of a question's labels, kept in memory and brought up to date by what has changed since.

Counting anew takes a second for fifty thousand labels, and somebody asks every second: so only the examples that new
events are about are read again. Everything is counted anew where the question, the champion or any example changed.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, Event, ExampleRow, QuestionRow
from labelwheel.backend.projects import champion_groups, projects
from labelwheel.backend.rounds import answers
from labelwheel.training import sufficiency
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.agreement import agree
from labelwheel.training.questions import Answer, Question
from labelwheel.training.spec import Part, Recipe
from labelwheel.training.sufficiency import DECIDING_GROUPS, Counted, Sufficiency

_MANY_CHANGED = 1000
_KEPT = 200

Key = tuple[int, str]


class Entry(NamedTuple):
    """A labelled example: what counts of it, its newest event, and a number that is the same for the same answer."""

    counted: Counted
    event: int
    answer: int


@dataclass
class Census:
    """The labelled examples of a question, by the row of the question and their key."""

    basis: object = None
    seen: dict[int, int] = field(default_factory=dict)
    entries: dict[Key, Entry] = field(default_factory=dict)
    usable: Counter[int] = field(default_factory=Counter)
    """By question, on how many labelled examples something can be learnt or measured."""
    sufficiency: Sufficiency = field(default_factory=lambda: Sufficiency(0, 0, 0))
    varied: bool = False
    _newer: tuple[dict[int, int], list[int]] | None = None

    def newer(self, since: dict[int, int]) -> list[int]:
        """The newest events of the examples that can train or measure and are newer than `since`, in order.

        Those that are held out count at most as often as those that train: they teach nothing.
        """
        if self._newer is not None and self._newer[0] == since:
            return self._newer[1]
        fresh = [
            (entry.counted.part, entry.event)
            for (row, _), entry in self.entries.items()
            if entry.event > since[row] and entry.counted.readable
        ]
        train = sorted(event for part, event in fresh if part is Part.TRAIN)
        held_out = sorted(event for part, event in fresh if part is Part.HELD_OUT)
        self._newer = since, sorted(train + held_out[: len(train)])
        return self._newer[1]


_lock = threading.Lock()
_kept: WeakKeyDictionary[Any, OrderedDict[int, Census]] = WeakKeyDictionary()


def take(session: Session, home: QuestionRow, shared: Sequence[QuestionRow], champion: CheckpointRow | None) -> Census:
    """The census of a question and all that share it, of this moment."""
    with _lock:
        known = _kept.setdefault(session.connection().engine.pool, OrderedDict())
        census = known.setdefault(home.id, Census())
        known.move_to_end(home.id)
        while len(known) > _KEPT:
            known.popitem(last=False)
        _update(session, census, home, shared, champion)
        return census


def _update(
    session: Session, census: Census, home: QuestionRow, shared: Sequence[QuestionRow], champion: CheckpointRow | None
) -> None:
    changes = [projects.get(session, row.project_id).changes for row in shared]
    basis = (
        json.dumps([row.spec for row in shared], sort_keys=True), [row.id for row in shared], changes,
        None if champion is None else champion.id,
    )  # fmt: skip
    seen = {row.id: _newest(session, row) for row in shared}
    if basis == census.basis and seen == census.seen:
        return
    spec = Question.model_validate(home.spec)
    changed = _changed(session, shared, census.seen) if basis == census.basis else None
    if changed is None:
        census.entries = {}
    for row in shared:
        keys = None if changed is None else changed[row.id]
        for key in keys or ():
            census.entries.pop((row.id, key), None)
        if keys is None or keys:
            found = answers.read(session, row, spec, champion, shared=len(shared) > 1, keys=keys)
            census.entries.update(((row.id, each.key), _entry(spec, each)) for each in found)
    learnt = champion is not None and champion.recipe != Recipe.NAMES
    counted = [entry.counted for entry in census.entries.values()]
    census.sufficiency = sufficiency.weigh(spec, counted, learnt, _different(session, shared))
    census.usable = Counter(row for (row, _), entry in census.entries.items() if entry.counted.readable)
    census.varied = _varied(spec, census.entries.values())
    census.basis, census.seen, census._newer = basis, seen, None


def _entry(spec: Question, found: answers.Answered) -> Entry:
    answer = agree(spec.kind, found.votes).answer
    counted = sufficiency.count(spec, found.example, answer, found.part, sys.intern(found.group), found.fresh)
    return Entry(counted, found.event, _name(answer))


def _name(answer: Answer) -> int:
    return hash(json.dumps(answer, sort_keys=True))


def _varied(spec: Question, entries: Collection[Entry]) -> bool:
    """Whether there is anything to tell apart among what trains."""
    train = [entry for entry in entries if entry.counted.part is Part.TRAIN and entry.counted.readable]
    return kind_of(spec).is_varied(len({entry.answer for entry in train}), any(each.counted.filled for each in train))


def _newest(session: Session, row: QuestionRow) -> int:
    query = select(func.max(Event.id)).where(Event.project_id == row.project_id, Event.question == row.name)
    return session.scalar(query) or 0


def _changed(session: Session, shared: Sequence[QuestionRow], seen: dict[int, int]) -> dict[int, list[str]] | None:
    """The examples that new events are about, by question; None where counting all anew is quicker."""
    found = {}
    for row in shared:
        query = select(Event.example_key).where(
            Event.project_id == row.project_id, Event.question == row.name, Event.id > seen.get(row.id, 0)
        )
        found[row.id] = list(set(session.scalars(query.limit(_MANY_CHANGED + 1))))
        if len(found[row.id]) > _MANY_CHANGED:
            return None
    return found


def _different(session: Session, shared: Iterable[QuestionRow]) -> int:
    """How many independent examples there are, labelled or not, as far as it matters."""
    query = select(ExampleRow.group).where(
        ExampleRow.project_id.in_([row.project_id for row in shared]), ExampleRow.gone.is_(False),
        ExampleRow.part != Part.APART,
    )  # fmt: skip
    return len(session.scalars(query.distinct().limit(2 * DECIDING_GROUPS)).all())


def since(home: QuestionRow, shared: Sequence[QuestionRow], event: int, moment: Any) -> dict[int, int]:
    """From which event on a label is new to what was made at some moment from all events up to `event`."""
    return {row.id: max(home.counted_from, champion_groups.seen_until(row, event, moment)) for row in shared}
