"""Backfill: fresh suggestions for the examples that nobody has labelled yet, a page at a time.

The suggestions come from the web process, which holds the model. A newer generation drops the backfill of the older
one; a restart goes on at the cursor of what was shown last. Where the tool has as much to do for few suggestions as for
many, they are collected: the first page is shown at once, as people see it next, and then twice as many each time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import Backfill, ExampleRow, Generation, now
from labelwheel.backend.projects import generations, projects
from labelwheel.backend.projects.page_walk import Walk
from labelwheel.backend.projects.standing import Standing
from labelwheel.backend.suggestions import blind_places, ordering, showing, so_far
from labelwheel.backend.suggestions.blind_places import BlindPlaces
from labelwheel.backend.suggestions.showing import Suggester
from labelwheel.backend.suggestions.so_far import SoFar
from labelwheel.plugins.capabilities import Bundles
from labelwheel.plugins.connector import Connector, Page, Suggestion
from labelwheel.training.errors import LabelwheelError
from labelwheel.training.questions import Question

log = logging.getLogger(__name__)

_CHUNK = 100
_PAUSE_SECONDS = 5.0


class Backfiller:
    """The backfills of one project; each ends with an order of what is left, which `on_order` is told."""

    def __init__(
        self,
        hold: Hold,
        project_id: int,
        suggester: Suggester,
        order: ordering.Name,
        on_order: Callable[[Sequence[str]], None],
        blind: float = 0.0,
        max_characters: int = ordering.MAX_CHARACTERS,
        kept: timedelta = timedelta(),
    ) -> None:
        self._hold, self._id, self._suggester, self._blind = hold, project_id, suggester, blind
        self._max_characters, self._kept = max_characters, kept
        self._order, self._on_order = order, on_order
        self._walk: Walk | None = None
        self._number: int | None = None
        self._again = 0.0
        self._stale: dict[str, datetime] | None = None  # generations to retire, and since when; None: not looked yet
        self._held: list[Suggestion] = []
        self._least = self._at_once = 1  # so many are held before they are shown, and so many at most

    def forget(self) -> None:
        """After trouble with the tool: go on at the cursor that is stored."""
        self._walk, self._held = None, []

    def step(self, connector: Connector, standing: Standing) -> bool:
        """One page; True where there is more. Raises ToolError."""
        if time.monotonic() < self._again:
            return False
        backfill = None
        if _wanted(standing):
            with self._hold.transaction() as tx:
                backfill = _due(tx, self._id)
        if backfill is None:
            self.forget()
            return self._retire(connector, standing)
        if backfill.id != self._number:
            self._number, self._walk = backfill.id, None
        if not _suggests(self._hold, backfill):
            self._finish(backfill)
            return False
        if self._walk is None or not self._walk.goes_on:
            self._begin(connector, backfill)
        assert self._walk is not None
        with self._walk.page() as page:
            if page is not None:
                return self._collect(connector, backfill, page)
            if self._held:
                return self._show(connector, backfill, None)
            found = ordering.show(connector, self._order, *self._so_far(), self._max_characters)
            if found is not None:
                ordering.keep(self._hold, self._id, self._order, found)
            self._on_order([each.key for each in found or ()])
            self._finish(backfill)
        return True

    def _begin(self, connector: Connector, backfill: Backfill) -> None:
        self._walk = Walk(connector.waiting(backfill.generation, backfill.cursor))
        self._held, self._least = [], 1
        self._at_once = connector.at_once() if isinstance(connector, Bundles) else 1

    def _collect(self, connector: Connector, backfill: Backfill, page: Page) -> bool:
        suggestions = self._suggest(page, backfill.generation)
        if suggestions is None:
            self.forget()
            self._again = time.monotonic() + _PAUSE_SECONDS
            return False
        self._held += suggestions
        if len(self._held) < min(self._least, self._at_once):
            return True
        return self._show(connector, backfill, page.cursor)

    def _show(self, connector: Connector, backfill: Backfill, cursor: str | None) -> bool:
        """All that is held; `cursor` is where to go on, None where the walk has come to its end."""
        held, self._held, self._least = self._held, [], 2 * max(self._least, len(self._held))
        with self._hold.database.session() as session:
            if not _current(session, self._id, backfill.generation):
                return True
        taken = showing.show(self._hold, self._id, connector, held)
        with self._hold.transaction() as tx:
            row = tx.get_one(Backfill, backfill.id, with_for_update=True)
            row.cursor, row.done = cursor or row.cursor, row.done + taken
        return True

    def _suggest(self, page: Page, version: str) -> list[Suggestion] | None:
        """Suggestions of that version; None where the web process is away or serves another one."""
        suggestions = showing.withheld(self._hold, self._id, page.examples, version, self._blind)
        blind = {one.example.key for one in suggestions}
        asked = [example for example in page.examples if example.key not in blind]
        for start in range(0, len(asked), _CHUNK):
            examples = {example.key: example for example in asked[start : start + _CHUNK]}
            try:
                wanted = [item.model_dump(mode="json") for item in examples.values()]
                answer = self._suggester.suggest(self._id, wanted, version)
            except LabelwheelError as error:
                log.info("project %s: the backfill waits: %s", self._id, error)
                return None
            if answer["version"] != version:
                return None
            suggestions += showing.suggestions(answer, examples)
        return suggestions

    def _so_far(self) -> tuple[SoFar, BlindPlaces]:
        with self._hold.database.session() as session:
            asked = [Question.model_validate(row.spec) for row in projects.questions(session, self._id)]
            return so_far.read(session, self._id, asked), blind_places.read(session, self._id, self._blind)

    def _finish(self, backfill: Backfill) -> None:
        self.forget()
        self._stale = None
        with self._hold.transaction() as tx:
            row = tx.get_one(Backfill, backfill.id, with_for_update=True)
            if row.state == "running":
                row.state, row.ended_at = "done", now()

    def _retire(self, connector: Connector, standing: Standing) -> bool:
        """Takes away what older generations had shown, once a newer one is everywhere and people had time to submit
        what began with the older; True where there is more."""
        if standing.backfill != "done":
            return False
        if self._stale is None:
            with self._hold.database.session() as session:
                self._stale = _older(session, self._id)
        due = [name for name, since in self._stale.items() if now() - since >= self._kept]
        if not due:
            return False
        if connector.retire(due) is False:
            return True
        with self._hold.transaction() as tx:
            projects.lock(tx, self._id)
            tx.execute(update(Generation).where(Generation.name.in_(due)).values(retired=True))
        self._stale = {name: since for name, since in self._stale.items() if name not in due}
        return False


def _older(session: Session, project_id: int) -> dict[str, datetime]:
    """The generations that have a successor and suggestions left, and when that came."""
    rows = session.execute(
        select(Generation.name, Generation.created_at, Generation.retired)
        .where(Generation.project_id == project_id)
        .order_by(Generation.id)
    ).all()
    return {name: later[1] for (name, _, retired), later in pairwise(rows) if not retired}


def _wanted(standing: Standing) -> bool:
    """Whether there may be something to do: seen before anything is locked, for mostly there is not."""
    if standing.filling or standing.generation is None:
        return standing.filling
    return standing.filled_until is None or standing.newest_example > standing.filled_until


def _due(tx: Session, project_id: int) -> Backfill | None:
    """The backfill that is to go on: of the announced generation, begun here; older ones are dropped."""
    project = projects.get(tx, project_id)
    generation = generations.of(tx, project)
    running = list(tx.scalars(select(Backfill).where(Backfill.project_id == project_id, Backfill.state == "running")))
    for row in running:
        if generation is None or row.generation != generation.name:
            row.state, row.ended_at = "dropped", now()
    if generation is None or project.announced != generation.name or project.polled_at is None:
        return None
    found = tx.scalars(select(Backfill).where(Backfill.generation == generation.name)).one_or_none()
    if found is None:
        found = Backfill(project_id=project_id, generation=generation.name, started_at=now())
        found.examples_until = _newest(tx, project_id)
        tx.add(found)
    elif found.state == "done" and _arrived_since(tx, found):
        found.state, found.cursor, found.started_at, found.ended_at = "running", None, now(), None
        found.examples_until = _newest(tx, project_id)
    tx.flush()
    return found if found.state == "running" else None


def _arrived_since(session: Session, found: Backfill) -> bool:
    # by number, not by time: an example that came while the clock was set back is new all the same
    return _newest(session, found.project_id) > found.examples_until


def _newest(session: Session, project_id: int) -> int:
    return session.scalar(select(func.max(ExampleRow.id)).where(ExampleRow.project_id == project_id)) or 0


def _suggests(hold: Hold, backfill: Backfill) -> bool:
    """Whether a generation has anything to suggest: before the first labels of span questions it has not."""
    with hold.database.session() as session:
        members = session.scalar(select(Generation.members).where(Generation.name == backfill.generation))
    return bool(members)


def _current(session: Session, project_id: int, generation: str) -> bool:
    present = generations.of(session, projects.get(session, project_id))
    return present is not None and present.name == generation
