"""What is read from the labelling tool: what is new by polls, what they cannot see by sweeps, and what is asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from labelwheel.backend.clock import LastTime
from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import Project, now
from labelwheel.backend.ledger import columns, hints, intake, sweeps
from labelwheel.backend.projects import configuration, projects
from labelwheel.backend.projects.page_walk import Walk
from labelwheel.backend.settings import Settings
from labelwheel.plugins.capabilities import Fetches
from labelwheel.plugins.connector import Connector, Page

_PAGES = 5
_CONFIG_SECONDS = 30.0
_CONFIG_AFTER_HINT_SECONDS = 5.0
_TOLD, _TOLD_SECONDS = 4, 30.0
"""While hints name all that happens, polls are made a fourth as often: they find nothing, and labels wait for them."""


class IntakeLoop:
    """The intake of one project, a few pages at a time; tells `on_labels` where there may be new ones."""

    def __init__(
        self, hold: Hold, settings: Settings, project_id: int, on_labels: Callable[[], None] = lambda: None
    ) -> None:
        self._hold, self._settings, self._id, self._on_labels = hold, settings, project_id, on_labels
        self._polling: Walk | None = None
        self._sweeping: Walk | None = None
        self._polled, self._swept, self._configured, self._fetched = (LastTime() for _ in range(4))
        self._began: tuple[datetime, float] = now(), time.monotonic()
        self._hint: datetime | None = None
        self._hinted: dict[str, str] = {}
        self._fetch_failed = False
        self._missed = True  # whether the last poll found what no hint had named
        self._sweep: tuple[int, str | None] = 0, None

    def forget(self) -> None:
        """After trouble with the tool: the next step begins anew at the cursor that the ledger has."""
        self._polling = self._sweeping = None

    def step(self, connector: Connector, project: Project) -> bool:
        """Takes in what is due; True where there is more. Raises ToolError."""
        if not self._configured.done:
            self._configure(connector, project)
        fetched = self._fetch(connector, project)
        self._configure(connector, project)  # not before a label: who gave it looks at the next suggestion
        busy = self._poll(connector, project, hints.waiting(project) and not fetched)
        # the first poll brings the whole project; what it saw, the sweep need not bring first
        if not busy:
            busy = self._compare(connector, project)
        return busy

    def _configure(self, connector: Connector, project: Project) -> None:
        due = _CONFIG_AFTER_HINT_SECONDS if hints.waiting(project) else _CONFIG_SECONDS
        if self._configured.age(None) < due:
            return
        config = connector.config()
        with self._hold.transaction() as tx:
            configuration.apply(tx, projects.lock(tx, self._id), config)
        self._configured.note()

    def _fetch(self, connector: Connector, project: Project) -> bool:
        """Looks at the examples that are hinted at, and at these alone; False where it takes a poll.

        Never amid the pages of a poll, which may have been read before: what is older must not come later.
        """
        known, amid = hints.keys(project), self._polling is not None and self._polling.goes_on
        if not known or amid or self._fetch_failed or not isinstance(connector, Fetches):
            return False
        self._fetch_failed = True  # whatever happens: the next look is a poll
        self._take(connector.fetch(list(known)), fetched=True)
        with self._hold.transaction() as tx:
            hints.answer_fetch(tx, self._id, known)
        self._fetch_failed = False
        self._fetched.note()
        return True

    def _poll(self, connector: Connector, project: Project, hinted: bool) -> bool:
        if self._polling is None or not self._polling.goes_on:
            told = not self._missed and self._fetched.age(None) < _TOLD_SECONDS
            pause = self._settings.poll_seconds * (_TOLD if told else 1)
            if self._polled.age(project.polled_at) < pause and not hinted:
                return False
            self._began = now(), time.monotonic()
            self._hint, self._hinted = project.hinted_at, hints.keys(project)
            self._missed = False
            self._polling = Walk(connector.poll(project.poll_cursor))
        for _ in range(_PAGES):
            with self._polling.page() as page:
                if page is not None:
                    self._missed |= self._take(page) > 0
                    continue
                with self._hold.transaction() as tx:
                    hints.answer_poll(tx, self._id, self._began[0], self._hint, self._hinted)
                self._polled.note(self._began[1])
                self._fetch_failed = False
                return False
        return True

    def _compare(self, connector: Connector, project: Project) -> bool:
        if self._sweeping is None or not self._sweeping.goes_on:
            if not sweeps.due(project, self._swept.age(project.swept_at), self._settings.sweep_minutes * 60):
                return False
            began = time.monotonic()
            with self._hold.transaction() as tx:
                current = sweeps.begin(tx, self._id)
                self._sweep = current.sweep_number, current.sweep_cursor
            self._sweeping = Walk(connector.sweep(self._sweep[1]))
            self._swept.note(began)
        with self._sweeping.page() as page:
            if page is not None:
                self._take(page, sweeping=True)
                self._sweep = self._sweep[0], page.cursor
                return True
            with self._hold.transaction() as tx:
                sweeps.finish(tx, self._id, *self._sweep)
        return False

    def _take(self, page: Page, sweeping: bool = False, fetched: bool = False) -> int:
        """Takes a page in; returns how many events it was worth."""
        with self._hold.database.session() as session:
            prepared = intake.prepare(session, self._id, page)
        with self._hold.transaction() as tx:
            taken = intake.take(
                tx, self._id, prepared, sweeping, fetched, self._settings.blind, columns.named(self._settings)
            )
        if page.work:
            self._on_labels()
        return taken.events
