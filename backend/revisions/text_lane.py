"""The lane of whole texts, and of pairs of them: a regression on the features of labelled and unlabelled texts."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import QuestionRow
from labelwheel.backend.ledger import unlabelled
from labelwheel.backend.revisions import light_gate, measurement
from labelwheel.backend.revisions.features import Champion, FeatureSource
from labelwheel.backend.revisions.lane import Assignment, Lane, Threads
from labelwheel.backend.revisions.measurement import Measured
from labelwheel.backend.revisions.seen_examples import Said, SeenTexts
from labelwheel.training.heads.bench import Bench, labels_of
from labelwheel.training.heads.fitting import Fitted, follow
from labelwheel.training.heads.places import Places
from labelwheel.training.heads.seen import Seen, Unlabelled
from labelwheel.training.heads.space import Space
from labelwheel.training.heads.standing import UNTRAINED, Standing
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Row
from labelwheel.training.questions import Example, Question
from labelwheel.training.spec import LabelledExample
from labelwheel.training.strategies import label_names

FIT_SECONDS = 0.15
"""With 1,000 labels of 77 classes a label that was answered wrongly is learnt in this time, as it is in .4 s."""

_MOST_UNLABELLED = 1_500
_KNOWN_BETTER = 1.5  # times as many texts say better what a project's texts have in common


class Ground(NamedTuple):
    """Labelled examples, and `loose` texts to make guesses on, as they are known when a fit begins."""

    question: Question
    standing: Standing
    seen: Sequence[Seen]
    loose: Sequence[Said]

    def space(self) -> Space:
        """In which all of these texts differ most."""
        rows = [*(one.features for one in self.seen), *(features for features, _ in self.loose)]
        return Space.of(np.concatenate(rows), self.standing.width)

    def bench(self, space: Space, places: Places | None = None, pool: np.ndarray | None = None) -> Bench:
        """All that a head is fitted to; `places` and `pool` as a bench takes them."""
        kind, unlabelled = kind_of(self.question), None
        if self.loose and kind.row is Row.TEXT:
            features, logits = (np.concatenate(rows) for rows in zip(*self.loose, strict=True))
            prior = self.standing.prior(kind, features, logits, labels_of(self.question))
            unlabelled = Unlabelled(space.rows(features), prior)
        return Bench(self.question, self.standing, space, self.seen, unlabelled, places=places, pool=pool)


class _Known(NamedTuple):
    """The labelled examples that have a text, the newest last, and what of the ledger they were made `of`."""

    of: dict[str, LabelledExample]
    seen: dict[str, Seen]


class TextLane(Lane[Fitted]):
    """See `Lane`."""

    def __init__(self, source: FeatureSource, threads: Threads, assignment: Assignment) -> None:
        super().__init__(source, threads, assignment)
        self._seen = SeenTexts(source, assignment.question.project_id, self.spec, assignment.champion.version)
        self._pool: list[Example] | None = None
        self._standing: Standing | None = None
        self._spaced = 0  # how many texts the space was made of
        self._found: _Known | None = None
        self._places: Places | None = None

    def _heard(self, session: Session, question: QuestionRow) -> None:
        if self._pool is None and len(self._labelled.rows) >= light_gate.LEAST // 2:
            drawn = unlabelled.draw(session, [question], _MOST_UNLABELLED)
            self._pool = [Example(key=each.row.key, fields=each.row.fields) for each in drawn]

    def _fetched(self) -> bool | None:
        if self._found is not None and self._found.of is self._labelled.rows:
            return None
        lacking = self._seen.lacking(row.example for row in self._labelled.rows.values())
        return self._seen.fetch(lacking) if lacking else None

    def _fetched_more(self) -> bool | None:
        lacking = self._seen.lacking(self._pool or ())
        return self._seen.fetch(lacking) if lacking else None

    def _count(self) -> int:
        return len(self._known())

    def _as_measured(self) -> bool:
        return not self._known_better()

    def _fit(self, last: Fitted) -> Future[Fitted]:
        """Done when it returns: it takes no longer than a step may."""
        found, ground = Future[Fitted](), self._ground([])
        if self._places is None or self._places.space is not last.space:
            self._places = Places(kind_of(self.spec), labels_of(self.spec), ground.standing, last.space)
        found.set_result(follow(ground.bench(last.space, self._places, last.pool), last, FIT_SECONDS))
        return found

    def _measurement(self) -> Future[Measured[Fitted]]:
        champion = self._seen.champion
        assert champion is not None
        free = [example for example in self._pool or () if example.key not in self._labelled.rows]
        ground = self._ground([said for example in free if (said := self._seen.of(example)) is not None])
        space = self._measured.fitted.space if self._measured is not None and not self._known_better() else None
        if space is None:
            self._spaced = self._seen.count
        return self._threads.measuring.submit(_measured, ground, space, champion, self._served, self._last)

    def _known(self) -> list[Seen]:
        """The labelled examples that have a text, the newest last."""
        if self._found is None or self._found.of is not self._labelled.rows:
            self._found = self._find(self._found.seen if self._found else {})
        return list(self._found.seen.values())

    def _find(self, before: dict[str, Seen]) -> _Known:
        """An example whose label is the one of before stays the object that it was."""
        found: dict[str, Seen] = {}
        for key, row in self._labelled.rows.items():
            one = before.get(key)
            if one is not None and (one.row is row or one.row == row):
                found[key] = one
            elif (said := self._seen.of(row.example)) is not None:
                found[key] = Seen(row, *said)
        return _Known(self._labelled.rows, found)

    def _known_better(self) -> bool:
        """Whether so much more is known of the texts that heads had better live in another space."""
        return self._seen.count > self._spaced * _KNOWN_BETTER

    def _ground(self, loose: Sequence[Said]) -> Ground:
        """What heads are fitted to at this moment."""
        champion = self._seen.champion
        assert champion is not None
        if self._standing is None:
            placed = label_names.placed(self.spec, self._embedded) if champion.recipe in UNTRAINED else None
            names = None if placed is None else placed[0].astype(np.float32)
            self._standing = Standing(champion.labels, champion.calibration, champion.width, names)
        return Ground(self.spec, self._standing, self._known(), loose)

    def _embedded(self, said: list[str]) -> np.ndarray:
        """The features of what options are called."""
        fields = [dict.fromkeys(self.spec.inputs[:1], text) for text in said]
        found = self._seen.ask([Example(key=str(place), fields=each) for place, each in enumerate(fields)])
        return np.stack([row[: found.champion.width] for row in found.features]).astype(np.float64)


def _measured(
    ground: Ground,
    space: Space | None,
    champion: Champion,
    served: bool,
    last: Fitted | None,
) -> Measured[Fitted]:
    """A measurement, in a space that is made for it where there is none: that takes a second for many texts."""
    return measurement.take(ground.bench(space or ground.space()), champion, served, last)
