"""The lane of whole texts, and of pairs of them: a regression on the features of labelled and unlabelled texts."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, QuestionRow
from labelwheel.backend.revisions import light_gate, measurement, unlabelled
from labelwheel.backend.revisions.features import FeatureSource
from labelwheel.backend.revisions.lane import FIT_SECONDS, Lane, Threads
from labelwheel.backend.revisions.measurement import Measured
from labelwheel.backend.revisions.seen_examples import SeenTexts
from labelwheel.training.heads.fitting import Bench, Fitted, Seen, Unlabelled, follow, labels_of
from labelwheel.training.heads.space import Space
from labelwheel.training.heads.standing import Standing
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Row
from labelwheel.training.questions import Example
from labelwheel.training.spec import Part
from labelwheel.training.strategies import label_names

_KNOWN_BETTER = 1.5  # times as many texts say better what a project's texts have in common
_UNTRAINED = ("names", "frozen")  # recipes that leave the encoder as it was before any label


class TextLane(Lane[Fitted]):
    """See `Lane`."""

    def __init__(
        self, source: FeatureSource, threads: Threads, question: QuestionRow, champion: CheckpointRow, served: bool
    ) -> None:
        super().__init__(source, threads, question, champion, served)
        self._seen = SeenTexts(source, question.project_id, self.spec, champion.version)
        self._pool: list[Example] | None = None
        self._standing: Standing | None = None
        self._space: Space | None = None
        self._spaced = 0

    def _heard(self, session: Session, question: QuestionRow) -> None:
        if self._pool is None and len(self._labelled.rows) >= light_gate.LEAST // 2:
            self._pool = unlabelled.draw(session, question)

    def _fetched(self) -> bool | None:
        lacking = self._seen.lacking(row.example for row in self._labelled.rows.values())
        return self._seen.fetch(lacking) if lacking else None

    def _fetched_more(self) -> bool | None:
        lacking = self._seen.lacking(self._pool or ())
        return self._seen.fetch(lacking) if lacking else None

    def _count(self) -> tuple[int, int]:
        return len(self._known(Part.TRAIN)), len(self._known(Part.HELD_OUT))

    def _as_measured(self, before: Measured[Fitted]) -> bool:
        return before.fitted.space is self._space

    def _fit(self, last: Fitted) -> Future[Fitted]:
        """Done when it returns: it takes no longer than a step may."""
        found: Future[Fitted] = Future()
        found.set_result(follow(self._bench(), last, FIT_SECONDS))
        return found

    def _measurement(self) -> Future[Measured[Fitted]]:
        held, bench, champion = self._known(Part.HELD_OUT), self._bench(guessing=True), self._seen.champion
        assert champion is not None
        return self._threads.measuring.submit(measurement.take, bench, held, champion, self._served)

    def _known(self, part: Part) -> list[Seen]:
        """The labelled examples of one side of the split that have a text, the newest last."""
        rows = [row for row in self._labelled.rows.values() if row.part is part]
        return [Seen(row, *said) for row in rows if (said := self._seen.of(row.example)) is not None]

    def _bench(self, guessing: bool = False) -> Bench:
        """All that a head is fitted to; with the texts to make guesses on where it is `guessing`."""
        seen = self._known(Part.TRAIN)
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
