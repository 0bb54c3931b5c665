"""What a replay is made from: the examples, labels and rounds of one question, as a ledger or a file has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from labelwheel.backend.database.tables import Event, ExampleRow
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Answer, Example, Question

MOST_EVENTS = 20_000
"""Events of one question that a replay takes: each is one label that is fed to a ledger and scored."""


class RecordedRound(NamedTuple):
    """A round that came to a decision. `kept` tells that its checkpoint's files are still there.

    `champion` is the version that it challenged, `details` what the gate noted, `digest` that of the question then.
    """

    version: str
    recipe: str
    trigger: str
    state: str
    reason: str
    champion: str | None
    last_event_id: int
    started_at: datetime
    ended_at: datetime
    digest: str
    details: Mapping[str, object]
    kept: bool


@dataclass(frozen=True)
class Recording:
    """One question's history. `arrivals` and `events` are copies, in the order of their numbers.

    `truth` is what people answered in the end, by example; `tests` are examples with their answers that are never
    labelled, for the curve: it is drawn on those that are held out where there are none. `placed` tells that the
    examples have their side of the split; else the replay draws it. `round_seconds` is how long a round took, in the
    middle; 0 where none is known.
    """

    name: str
    tool: str
    external_id: str
    question: Question
    arrivals: Sequence[ExampleRow]
    events: Sequence[Event]
    truth: Mapping[str, Answer]
    rounds: Sequence[RecordedRound] = ()
    tests: Sequence[tuple[Example, Answer]] = ()
    placed: bool = True
    round_seconds: float = 0.0

    @property
    def metric(self) -> str:
        """What a score is called; see `labelwheel.backend.replay.scoring`."""
        return "accuracy" if kind_of(self.question).exclusive else "1 - loss"

    def example(self, key: str) -> Example:
        """An example by its key, as it reads today."""
        return self._examples[key]

    def __post_init__(self) -> None:
        found = {row.key: Example(key=row.key, fields=row.fields) for row in self.arrivals}
        object.__setattr__(self, "_examples", found)

    _examples: Mapping[str, Example] = field(init=False, repr=False, default_factory=dict)
