"""The lane of spans: a chain on the features of the tokens of as many labelled texts as a fit can afford."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import QuestionRow
from labelwheel.backend.revisions import span_measurement
from labelwheel.backend.revisions.features import FeatureSource
from labelwheel.backend.revisions.lane import Assignment, Lane, Threads
from labelwheel.backend.revisions.measurement import Measured
from labelwheel.backend.revisions.seen_tokens import SeenTokens
from labelwheel.backend.revisions.span_measurement import SeenSpans, rows_of
from labelwheel.training.heads import span_fit
from labelwheel.training.heads.projection import Projection
from labelwheel.training.heads.span_fit import Fitted
from labelwheel.training.spec import LabelledExample

FIT_SECONDS = 0.4


class SpanLane(Lane[Fitted]):
    """See `Lane`. A fit takes a second where texts are many: it has a thread, so that other questions do not wait."""

    def __init__(self, source: FeatureSource, threads: Threads, assignment: Assignment) -> None:
        super().__init__(source, threads, assignment)
        self._seen = SeenTokens(source, assignment.question.project_id, self.spec, assignment.champion.version)
        self._chosen: list[LabelledExample] = []
        self._projection: Projection | None = None
        self._values: dict[str, tuple[SeenSpans, list[np.ndarray]]] = {}

    def _heard(self, session: Session, question: QuestionRow) -> None:
        rows = list(self._labelled.rows.values())
        places = span_fit.affordable(self.spec, [row.example for row in rows])
        self._chosen = [rows[place] for place in places]
        self._seen.keep(row.example for row in self._chosen)

    def _fetched(self) -> bool | None:
        lacking = self._seen.lacking(row.example for row in self._chosen)
        return self._seen.fetch(lacking) if lacking else None

    def _count(self) -> int:
        return len(self._labelled.rows) if self._known() else 0

    def _fit(self, last: Fitted) -> Future[Fitted]:
        fitting = self._threads.fitting.submit(self._followed, last, self._known())
        fitting.add_done_callback(lambda _: self._threads.wake())
        return fitting

    def _measurement(self) -> Future[Measured[Fitted]]:
        champion = self._seen.champion
        assert champion is not None
        return self._threads.measuring.submit(
            span_measurement.take, self.spec, self._known(), champion, self._served, self._count()
        )

    def _known(self) -> list[SeenSpans]:
        """The chosen examples that have a text, the newest last."""
        return [SeenSpans(row, said) for row in self._chosen if (said := self._seen.of(row.example)) is not None]

    def _followed(self, last: Fitted, seen: list[SeenSpans]) -> Fitted:
        """In a thread, one at a time."""
        if last.head.projection is not self._projection:
            self._projection, self._values = last.head.projection, {}
        known = {
            one.row.example.key: found
            for one in seen
            if (found := self._values.get(one.row.example.key)) is not None and found[0].said is one.said
        }
        for one in seen:
            if one.row.example.key not in known:
                values = last.head.values(one.said.features, [])
                known[one.row.example.key] = one, [rows.astype(np.float16) for rows in values]
        self._values = known
        head = span_fit.follow(
            self.spec,
            [one.row.example for one in seen],
            [one.row.answer for one in seen],
            [rows for one in seen for rows in known[one.row.example.key][1]],
            rows_of(seen),
            last.head,
            FIT_SECONDS,
            [one.row.group for one in seen],
        )
        return Fitted(head, [], [])
