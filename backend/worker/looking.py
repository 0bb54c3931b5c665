"""Looking at the labelling tool: polls for what is new, sweeps for what polling cannot see, reads the configuration."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from backend.ledger import configs, intake, projects, sweeps
from backend.ledger.lease import Hold
from backend.ledger.tables import Project, now
from backend.settings import Settings
from plugins.connector import Connector, Page

_PAGES = 5
_CONFIG_SECONDS = 30.0
_CONFIG_AFTER_HINT_SECONDS = 5.0


class Looking:
    """The intake of one project, a few pages at a time."""

    def __init__(self, hold: Hold, settings: Settings, project_id: int) -> None:
        self._hold, self._settings, self._id = hold, settings, project_id
        self._polling: Iterator[Page] | None = None
        self._sweeping: Iterator[Page] | None = None
        self._began: datetime = now()
        self._configured = 0.0

    def forget(self) -> None:
        """After an error: the next step begins anew at the cursor that the ledger has."""
        self._polling = self._sweeping = None

    def step(self, connector: Connector, project: Project) -> bool:
        """Takes in what is due; True where there is more. Raises ToolError."""
        self._configure(connector, project)
        busy = self._poll(connector, project)
        # the first poll brings the whole project; what it saw, the sweep need not bring first
        if not busy:
            busy = self._sweep(connector, project)
        return busy

    def _configure(self, connector: Connector, project: Project) -> None:
        elapsed = time.monotonic() - self._configured if self._configured else _CONFIG_SECONDS
        due = _CONFIG_AFTER_HINT_SECONDS if _hinted(project) else _CONFIG_SECONDS
        if elapsed < due:
            return
        config = connector.config()
        with self._hold.transaction() as tx:
            configs.apply(tx, projects.lock(tx, self._id), config)
        self._configured = time.monotonic()

    def _poll(self, connector: Connector, project: Project) -> bool:
        if self._polling is None:
            since = timedelta(seconds=self._settings.poll_seconds)
            if project.polled_at is not None and now() - project.polled_at < since and not _hinted(project):
                return False
            self._began = now()
            self._polling = connector.poll(project.poll_cursor)
        for _ in range(_PAGES):
            page = next(self._polling, None)
            if page is None:
                self._polling = None
                with self._hold.transaction() as tx:
                    projects.get(tx, self._id).polled_at = self._began
                return False
            self._take(page, sweeping=False)
        return True

    def _sweep(self, connector: Connector, project: Project) -> bool:
        if self._sweeping is None:
            since = timedelta(minutes=self._settings.sweep_minutes)
            fresh = project.swept_at is not None and now() - project.swept_at < since
            if project.sweep_started_at is None and fresh:
                return False
            with self._hold.transaction() as tx:
                cursor = sweeps.begin(tx, self._id).sweep_cursor
            self._sweeping = connector.sweep(cursor)
        page = next(self._sweeping, None)
        if page is not None:
            self._take(page, sweeping=True)
            return True
        self._sweeping = None
        with self._hold.transaction() as tx:
            sweeps.finish(tx, self._id)
        return False

    def _take(self, page: Page, sweeping: bool) -> None:
        with self._hold.database.session() as session:
            prepared = intake.prepare(session, self._id, page)
        with self._hold.transaction() as tx:
            intake.take(tx, self._id, prepared, sweeping)


def _hinted(project: Project) -> bool:
    return project.hinted_at is not None and (project.polled_at is None or project.hinted_at > project.polled_at)
