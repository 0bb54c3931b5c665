"""One question's fast lane: from what the ledger knows to a newer head, a small step at a time.

A label costs a fit that begins where the last one ended. What heads are worth is measured when the labels have grown by
a sixteenth, in a thread of its own: the next label does not wait for it. How heads are fitted is each lane's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from concurrent.futures import Executor, Future
from typing import Generic, NamedTuple, Protocol, TypeVar

from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, QuestionRow
from labelwheel.backend.revisions import light_gate
from labelwheel.backend.revisions.features import FeatureSource
from labelwheel.backend.revisions.labelled import LabelledExamples
from labelwheel.backend.revisions.light_gate import Verdict
from labelwheel.backend.revisions.measurement import Measured
from labelwheel.backend.revisions.publication import Change
from labelwheel.training.heads.base import FastHead
from labelwheel.training.questions import Question

GROWTH = 1 / 16


class HasHead(Protocol):
    """What a fit gives."""

    @property
    def head(self) -> FastHead: ...


F = TypeVar("F", bound=HasHead)


class Threads(NamedTuple):
    """Where work goes that takes longer than a step; `wake` has the next step come at once."""

    measuring: Executor
    fitting: Executor
    wake: Callable[[], None]


class Assignment(NamedTuple):
    """A question, a home, and its champion; `served` tells that a head of before is served.

    From the examples of the keys `apart` nothing is learnt.
    """

    question: QuestionRow
    champion: CheckpointRow
    served: bool
    apart: Collection[str] = ()


class Lane(ABC, Generic[F]):
    """Follows one question on one champion; whoever sees another champion makes another lane."""

    def __init__(self, source: FeatureSource, threads: Threads, assignment: Assignment) -> None:
        question, champion, served, apart = assignment
        self.spec = Question.model_validate(question.spec)
        self._id, self._champion_id, self._threads = question.id, champion.id, threads
        self._labelled = LabelledExamples(apart)
        self._measuring: Future[Measured[F]] | None = None
        self._measured: Measured[F] | None = None
        self._fitting: Future[F] | None = None
        self._from: F | None = None  # what is being fitted began there
        self._last: F | None = None
        self._event = -1  # up to which the last head knows
        self._served = self._told = served
        self._rests = False  # nothing is left to do until labels change: that is asked every second

    def read(self, session: Session, question: QuestionRow, champion: CheckpointRow) -> None:
        """Takes in what has happened in the ledger."""
        if self._labelled.follow(session, question, champion):
            self._rests = False
            self._heard(session, question)

    def step(self) -> tuple[bool, Change | None]:
        """A small piece: whether there is more to do at once, and what is to be served. Raises LabelwheelError."""
        if self._rests:
            return False, None
        rows = self._labelled.rows
        if not rows:
            return False, self._withdrawn(Verdict(False, "there are no labels", 0.0, 0.0, 0)) if self._served else None
        if (fetched := self._fetched()) is not None:
            return fetched, None
        if self._measuring is not None and self._measuring.done():
            return True, self._take(self._measuring)
        if self._fitting is not None:
            done = self._fitting.done()
            return done, self._finish(self._fitting) if done else None
        if self._labelled.event != self._event and self._last is not None:
            self._follow(self._last)
            return True, None
        if (fetched := self._fetched_more()) is not None:
            return fetched, None
        self._measure()
        self._rests = self._measuring is None
        return False, None

    def _take(self, measuring: Future[Measured[F]]) -> Change | None:
        """What a measurement that has ended means for what is served."""
        self._measuring, self._event = None, -1  # labels may have come meanwhile
        self._measured = measuring.result()
        self._last, verdict = self._measured.fitted, self._measured.verdict
        before, self._served = self._served, verdict.passes
        return self._withdrawn(verdict) if before and not verdict.passes else None

    def _withdrawn(self, verdict: Verdict) -> Change:
        self._served = self._told = False
        return Change(self._id, self._champion_id, None, len(self._labelled.rows), self._event, verdict, True)

    def _follow(self, last: F) -> None:
        """Begins a head for the labels of this moment, where heads like it have passed."""
        self._event = self._labelled.event
        self._measure()
        if self._served and self._measured is not None and self._count():
            self._from, self._fitting = last, self._fit(last)

    def _finish(self, fitting: Future[F]) -> Change | None:
        """A head that is fitted, to be served where heads like it still pass."""
        self._fitting = None
        made = fitting.result()
        if not self._served or self._measured is None:
            return None
        if self._last is self._from:
            self._last = made
        turned, self._told = not self._told, True
        content = made.head.dump()
        return Change(self._id, self._champion_id, content, self._count(), self._event, self._measured.verdict, turned)

    def _measure(self) -> None:
        """Begins a measurement where the labels have grown."""
        if self._measuring is not None:
            return
        learnt = self._count()
        if learnt < light_gate.LEAST:
            return
        before = self._measured
        same = before is not None and self._as_measured()
        if same and before is not None and before.labels / 2 < learnt < before.labels * (1 + GROWTH):
            return
        self._measuring = self._measurement()
        self._measuring.add_done_callback(lambda _: self._threads.wake())

    def _as_measured(self) -> bool:
        """Whether what was measured is still of the heads that would be fitted now."""
        return True

    def _fetched_more(self) -> bool | None:
        """Asks about what is of use beside the labels; None where nothing is lacking."""
        return None

    @abstractmethod
    def _heard(self, session: Session, question: QuestionRow) -> None:
        """Labels have changed."""

    @abstractmethod
    def _fetched(self) -> bool | None:
        """Asks about labelled examples; False where another champion answers, None where nothing is lacking."""

    @abstractmethod
    def _count(self) -> int:
        """How many labels heads learn from."""

    @abstractmethod
    def _fit(self, last: F) -> Future[F]:
        """A head that goes on where `last` ended, in some tenths of a second."""

    @abstractmethod
    def _measurement(self) -> Future[Measured[F]]:
        """A head fitted and measured from the beginning."""
