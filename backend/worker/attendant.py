"""One project's attendant: a bit of everything that is due, in small pieces, so that nothing waits for long.

Labels first, then a page of the sweep, the policy, the announcement, a page of the backfill. What comes from the
database alone goes on while the labelling tool is away.
"""

from __future__ import annotations

import logging
import random
import time

from backend import connectors
from backend.errors import NotFound
from backend.ledger import generations, projects, servers
from backend.ledger.lease import Hold
from backend.ledger.tables import Project, ProjectState
from backend.rounds import promotion
from backend.rounds.automatic import consider
from backend.settings import Settings
from backend.worker.announcing import Announcer
from backend.worker.backfill import Backfiller, Suggester
from backend.worker.connecting import Connecting, disconnect
from backend.worker.looking import Looking
from backend.worker.wiring import Wiring
from plugins.addresses import check_allowed
from plugins.connector import Connector
from plugins.errors import ToolError, ToolUnreachable

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.5
_LONGEST_PAUSE = 60.0
_JUDGE_SECONDS = 1.0
_OFF = (ProjectState.FAILED, ProjectState.DISCONNECTED)


class Attendant:
    """Looks after one project; everything it needs to remember is in the database."""

    def __init__(self, hold: Hold, settings: Settings, project_id: int, suggester: Suggester) -> None:
        self._hold, self._settings, self._id = hold, settings, project_id
        self._wiring = Wiring(hold, project_id)
        self._connecting = Connecting(hold, settings, project_id, self._wiring)
        self._looking = Looking(hold, settings, project_id)
        self._announcer = Announcer(hold, project_id)
        self._backfiller = Backfiller(hold, project_id, suggester)
        self._connector: Connector | None = None
        self._known: object = None
        self._trouble = ""
        self._failures = 0
        self._again = self._judge_again = 0.0
        self.wanted = True

    def step(self) -> float:
        """A small piece of work; returns how many seconds to wait before the next. Raises LeaseLost."""
        try:
            with self._hold.database.session() as session:
                project = projects.get(session, self._id)
        except NotFound:
            self.wanted = False
            return 0.0
        if project.state in _OFF:
            self.wanted = False
            return 0.0
        busy = False
        if project.state != ProjectState.DISCONNECTING:
            self._mend(project)
        if project.state == ProjectState.CONNECTED and time.monotonic() >= self._judge_again:
            busy = consider(self._hold, self._settings, self._id) > 0
            self._judge_again = time.monotonic() + _JUDGE_SECONDS
        if time.monotonic() < self._again:
            return min(IDLE_SECONDS, self._again - time.monotonic())
        try:
            busy = self._with_tool(project) or busy
        except ToolError as error:
            self._failed(project, error)
            return IDLE_SECONDS
        self._recovered(project)
        return 0.0 if busy else IDLE_SECONDS

    def _with_tool(self, project: Project) -> bool:
        if project.state == ProjectState.CONNECTING:
            return self._connecting.step(lambda: self._connect(project))
        if project.state == ProjectState.DISCONNECTING:
            return disconnect(self._hold, project, lambda: self._connect(project))
        connector = self._connect(project)
        if self._wiring.step(connector, project):
            return True
        busy = self._looking.step(connector, project)
        busy = self._announcer.step(connector) or busy
        return self._backfiller.step(connector) or busy

    def _connect(self, project: Project) -> Connector:
        known = (project.url, project.api_key, project.external_id, project.options)
        if self._connector is None or known != self._known:
            check_allowed(project.url, self._settings.tool_places)
            self._connector, self._known = connectors.connect(project), known
        return self._connector

    def _mend(self, project: Project) -> None:
        """Falls back where no web process can load what it should serve."""
        with self._hold.database.session() as session:
            generation = generations.of(session, project)
            problem = servers.problem(session, project.id, generation.name) if generation else None
        if problem is not None:
            with self._hold.transaction() as tx:
                promotion.fall_back(tx, project.id, problem)

    def _failed(self, project: Project, error: ToolError) -> None:
        self._looking.forget()
        self._backfiller.forget()
        self._failures += 1
        pause = min(_LONGEST_PAUSE, 2.0 ** min(self._failures - 1, 10)) * random.uniform(0.75, 1.25)  # noqa: S311
        self._again = time.monotonic() + pause
        if str(error) != self._trouble:
            # once, not with every try: an outage may take hours
            away = isinstance(error, ToolUnreachable)
            log.warning("project %s: %s; %s", self._id, error, "trying again" if away else "trying again slowly")
            self._trouble = str(error)
            with self._hold.transaction() as tx:
                current = projects.lock(tx, project.id)
                if current.state in (ProjectState.CONNECTED, ProjectState.CONNECTING):
                    current.problem = str(error)[:2000]

    def _recovered(self, project: Project) -> None:
        if not self._failures and not (project.problem and project.state == ProjectState.CONNECTED):
            return
        if self._trouble:
            log.info("project %s: the labelling tool answers again", self._id)
        self._failures, self._again, self._trouble = 0, 0.0, ""
        with self._hold.transaction() as tx:
            current = projects.lock(tx, project.id)
            if current.state == ProjectState.CONNECTED:
                current.problem = None
