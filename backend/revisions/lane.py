"""One question's fast lane: from what the ledger knows to a newer head, a small step at a time.

A label costs a fit that begins where the last one ended. What heads are worth is measured when the labels have grown by
a sixteenth, in a thread of its own: the next label does not wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future

import numpy as np
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, QuestionRow
from labelwheel.backend.revisions import light_gate, measurement, unlabelled
from labelwheel.backend.revisions.features import FeatureSource
from labelwheel.backend.revisions.labelled import LabelledExamples
from labelwheel.backend.revisions.light_gate import Verdict
from labelwheel.backend.revisions.measurement import Measured
from labelwheel.backend.revisions.publication import Change
from labelwheel.backend.revisions.seen_examples import SeenExamples
from labelwheel.training.heads.fitting import Bench, Fitted, Seen, Unlabelled, follow, labels_of
from labelwheel.training.heads.space import Space
from labelwheel.training.heads.standing import Standing
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Row
from labelwheel.training.questions import Example, Question
from labelwheel.training.spec import Part
from labelwheel.training.strategies import label_names

GROWTH = 1 / 16
FIT_SECONDS = 0.4
_KNOWN_BETTER = 1.5  # times as many texts say better what a project's texts have in common
_UNTRAINED = ("names", "frozen")  # recipes that leave the encoder as it was before any label


class Lane:
    """Follows one question, a home, on one champion; whoever sees another champion makes another lane.

    `served` tells that a head of before is served.
    """

    def __init__(
        self, source: FeatureSource, executor: Executor, question: QuestionRow, champion: CheckpointRow, served: bool
    ) -> None:
        self.spec = Question.model_validate(question.spec)
        self._id, self._champion_id, self._executor = question.id, champion.id, executor
        self._labelled = LabelledExamples()
        self._seen = SeenExamples(source, question.project_id, self.spec, champion.version)
        self._pool: list[Example] | None = None
        self._standing: Standing | None = None
        self._space: Space | None = None
        self._spaced = 0
        self._measuring: Future[Measured] | None = None
        self._measured: Measured | None = None
        self._last: Fitted | None = None
        self._event = -1  # up to which the last head knows
        self._served = self._told = served

    @staticmethod
    def suits(question: Question) -> bool:
        """Whether there is a fast head for a question."""
        return kind_of(question).row in (Row.TEXT, Row.PAIR)

    def read(self, session: Session, question: QuestionRow, champion: CheckpointRow) -> None:
        """Takes in what has happened in the ledger."""
        changed = self._labelled.follow(session, question, champion)
        if changed and self._pool is None and len(self._labelled.rows) >= light_gate.LEAST // 2:
            self._pool = unlabelled.draw(session, question)

    def step(self) -> tuple[bool, Change | None]:
        """A small piece: whether there is more to do at once, and what is to be served. Raises LabelwheelError."""
        rows = self._labelled.rows
        if not rows:
            return False, self._withdrawn(Verdict(False, "there are no labels", 0.0, 0.0, 0)) if self._served else None
        if lacking := self._seen.lacking(row.example for row in rows.values()):
            return self._seen.fetch(lacking), None
        if self._measuring is not None and self._measuring.done():
            return True, self._take(self._measuring)
        if self._labelled.event != self._event and self._last is not None:
            return True, self._follow(self._last)
        if lacking := self._seen.lacking(self._pool or ()):
            return self._seen.fetch(lacking), None
        self._measure()
        return False, None

    def _take(self, measuring: Future[Measured]) -> Change | None:
        """What a measurement that has ended means for what is served."""
        self._measuring, self._event = None, -1  # labels may have come meanwhile
        self._measured = measuring.result()
        self._last, verdict = self._measured.fitted, self._measured.verdict
        before, self._served = self._served, verdict.passes
        return self._withdrawn(verdict) if before and not verdict.passes else None

    def _withdrawn(self, verdict: Verdict) -> Change:
        self._served = self._told = False
        return Change(self._id, self._champion_id, None, len(self._labelled.rows), self._event, verdict, True)

    def _follow(self, last: Fitted) -> Change | None:
        """A head for the labels of this moment; served where heads like it have passed."""
        self._event = self._labelled.event
        self._measure()
        bench = self._bench()
        if not self._served or self._measured is None or not bench.seen:
            return None
        self._last = follow(bench, last, FIT_SECONDS)
        turned, self._told = not self._told, True
        content, count = self._last.head.dump(), len(bench.seen)
        return Change(self._id, self._champion_id, content, count, self._event, self._measured.verdict, turned)

    def _measure(self) -> None:
        """Begins a measurement where the labels have grown."""
        if self._measuring is not None:
            return
        seen = self._learnt()
        held = self._known(Part.HELD_OUT)
        if len(seen) + len(held) < light_gate.LEAST or not seen:
            return
        before = self._measured
        same = before is not None and before.fitted.space is self._space
        if same and before is not None and before.labels / 2 < len(seen) < before.labels * (1 + GROWTH):
            return
        bench, champion = self._bench(guessing=True), self._seen.champion
        assert champion is not None
        self._measuring = self._executor.submit(measurement.take, bench, held, champion, self._served)

    def _learnt(self) -> list[Seen]:
        return self._known(Part.TRAIN)

    def _known(self, part: Part) -> list[Seen]:
        """The labelled examples of one side of the split that have a text, the newest last."""
        rows = [row for row in self._labelled.rows.values() if row.part is part]
        return [Seen(row, *said) for row in rows if (said := self._seen.of(row.example)) is not None]

    def _bench(self, guessing: bool = False) -> Bench:
        """All that a head is fitted to; with the texts to make guesses on where it is `guessing`."""
        seen = self._learnt()
        free = [example for example in self._pool or () if example.key not in self._labelled.rows]
        pool = [said for example in free if (said := self._seen.of(example)) is not None]
        standing, space = self._place([*(one.features for one in seen), *(features for features, _ in pool)])
        loose = None
        if guessing and pool and kind_of(self.spec).row is Row.TEXT:
            features, logits = (np.concatenate(rows) for rows in zip(*pool, strict=True))
            prior = standing.prior(kind_of(self.spec), features, logits, labels_of(self.spec))
            loose = Unlabelled(space.rows(features), prior)
        return Bench(self.spec, standing, space, seen, loose)

    def _place(self, texts: Sequence[np.ndarray]) -> tuple[Standing, Space]:
        """What heads stand on, and the space that they live in; anew once much more is known of the texts."""
        champion = self._seen.champion
        assert champion is not None
        if self._standing is None:
            placed = label_names.placed(self.spec, self._embedded) if champion.recipe in _UNTRAINED else None
            names = None if placed is None else placed[0].astype(np.float32)
            self._standing = Standing(champion.labels, champion.calibration, champion.width, names)
        if self._space is None or len(texts) > self._spaced * _KNOWN_BETTER:
            self._space, self._spaced = Space.of(np.concatenate(texts), champion.width), len(texts)
        return self._standing, self._space

    def _embedded(self, said: list[str]) -> np.ndarray:
        """The features of what options are called."""
        fields = [dict.fromkeys(self.spec.inputs[:1], text) for text in said]
        found = self._seen.ask([Example(key=str(place), fields=each) for place, each in enumerate(fields)])
        return np.stack([row[: found.champion.width] for row in found.features]).astype(np.float64)
