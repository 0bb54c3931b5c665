"""How right suggestions are: against the answers that people gave, of examples that nothing was trained on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import select

from labelwheel.backend.database.tables import ExampleRow
from labelwheel.backend.ledger.lots import lot
from labelwheel.backend.replay.outcome import Point
from labelwheel.backend.replay.recording import Recording
from labelwheel.backend.replay.scratch import PROJECT, Scratch
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Answer, Example, Prediction, Question
from labelwheel.training.spec import Part

MOST_LATER = 500
"""So many examples say whether a swap was for the better: of more, those by lot."""

LEAST = 10


class Known(NamedTuple):
    """Examples with their answers."""

    examples: list[Example]
    answers: list[Answer]

    def losses(self, question: Question, said: Sequence[Prediction]) -> list[float]:
        """In [0, 1], one for each example: 0 is as people answered."""
        kind = kind_of(question)
        rows = zip(self.examples, self.answers, said, strict=True)
        return [
            kind.score(question, example, question.comparable(answer, example), one).loss
            for example, answer, one in rows
        ]

    def score(self, question: Question, said: Sequence[Prediction]) -> float | None:
        """1 minus the mean loss; None where there are too few examples to tell."""
        losses = self.losses(question, said)
        return 1.0 - sum(losses) / len(losses) if len(losses) >= LEAST else None


def of(recording: Recording, keys: Collection[str]) -> Known:
    """Examples of a recording with the answers that they have in the end."""
    found = [key for key in keys if key in recording.truth]
    return Known([recording.example(key) for key in found], [recording.truth[key] for key in found])


def later(recording: Recording, done: Collection[str]) -> Known:
    """What is not labelled yet at some moment, by lot, and what never will be."""
    left = sorted((key for key in recording.truth if key not in done), key=lot)[:MOST_LATER]
    found = of(recording, left)
    rest = recording.tests[: MOST_LATER - len(left)] if recording.tests else []
    return Known([*found.examples, *(one for one, _ in rest)], [*found.answers, *(answer for _, answer in rest)])


class Yardstick:
    """What curves are measured on: the examples that are never labelled, or those that are held out for life.

    A recorded example whose side changed later counts as it stands today. `keys` are those of them that get labels.
    """

    def __init__(self, recording: Recording, scratch: Scratch) -> None:
        self._question = recording.question
        self.keys = frozenset[str]()
        if recording.tests:
            self.known = Known([one for one, _ in recording.tests], [answer for _, answer in recording.tests])
            return
        if recording.placed:
            keys = [row.key for row in recording.arrivals if row.part == Part.HELD_OUT]
        else:
            with scratch.database.session() as session:
                held = ExampleRow.project_id == PROJECT, ExampleRow.part == Part.HELD_OUT
                keys = list(session.scalars(select(ExampleRow.key).where(*held)))
        self.known, self.keys = of(recording, keys), frozenset(keys)

    def point(self, labels: int, said: Sequence[Prediction]) -> Point | None:
        """A point of the curve; None where too few examples are held out."""
        score = self.known.score(self._question, said)
        return None if score is None else Point(labels, score, len(said))
