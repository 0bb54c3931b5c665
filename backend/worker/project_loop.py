"""One project's loop: a bit of everything that is due, in small pieces, so that nothing waits for long.

Labels first, then a page of the sweep, the policy, the announcement, a page of the backfill. What comes from the
database alone goes on while the labelling tool is away, and what fails by itself does not hold up the rest.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from labelwheel.backend.database import keyring
from labelwheel.backend.database.lease import Hold, LeaseLost
from labelwheel.backend.database.tables import Project, ProjectState, now
from labelwheel.backend.errors import NotFound
from labelwheel.backend.onboarding.connecting import Onboarding, disconnect
from labelwheel.backend.onboarding.wiring import Wiring
from labelwheel.backend.projects import connectors, generations, projects, servers, standing
from labelwheel.backend.projects.standing import Standing
from labelwheel.backend.rounds import promotion
from labelwheel.backend.rounds.scheduling import Scheduler
from labelwheel.backend.settings import Settings
from labelwheel.backend.suggestions.announcing import Announcer
from labelwheel.backend.suggestions.backfill import Backfiller
from labelwheel.backend.suggestions.next_shown import NextShown
from labelwheel.backend.suggestions.reasons import Reasons
from labelwheel.backend.suggestions.reordering import Reordering
from labelwheel.backend.suggestions.showing import Suggester
from labelwheel.backend.suggestions.unseen import UnseenSuggestions
from labelwheel.backend.trouble import Trouble
from labelwheel.backend.worker.intake_loop import IntakeLoop
from labelwheel.backend.worker.sent_back import SentBack
from labelwheel.plugins.addresses import check_allowed
from labelwheel.plugins.connector import Connector
from labelwheel.plugins.errors import ToolError

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.5
LIVELY_SECONDS, LIVELY = 0.1, timedelta(minutes=1)
"""While people label, who look at the next suggestion: a row is read ten times a second instead of twice."""

_JUDGE_SECONDS = 1.0
_OFF = (ProjectState.FAILED, ProjectState.DISCONNECTED)
_TOOL, _INTAKE = "tool", "take in labels"


class ProjectLoop:
    """Looks after one project; everything it needs to remember is in the database."""

    def __init__(
        self,
        hold: Hold,
        settings: Settings,
        project_id: int,
        suggester: Suggester,
        on_labels: Callable[[], None] = lambda: None,
    ) -> None:
        self._hold, self._settings, self._id = hold, settings, project_id
        self._wiring = Wiring(hold, settings, project_id)
        self._onboarding = Onboarding(hold, settings, project_id, self._wiring)
        self._intake = IntakeLoop(hold, settings, project_id, on_labels)
        self._announcer = Announcer(hold, project_id)
        self._next_shown = NextShown(hold, project_id, suggester, settings.blind)
        shown = settings.blind, settings.max_characters
        self._reordering = Reordering(hold, project_id, suggester, settings.order, *shown)
        self._unseen = UnseenSuggestions(hold, project_id, suggester)
        self._reasons = Reasons(hold, project_id, suggester, self._reordering.first, settings.blind)
        self._sent_back = SentBack(hold, project_id, settings.blind)
        on_order = self._reordering.begin
        kept = timedelta(minutes=settings.retire_minutes)
        self._backfiller = Backfiller(hold, project_id, suggester, settings.order, on_order, *shown, kept)
        self._scheduler = Scheduler(hold, settings, project_id)
        self._stands: tuple[int, Standing] | None = None
        self._project: tuple[object, Project] | None = None
        self._connector: Connector | None = None
        self._known: object = None
        self._troubles: dict[str, Trouble] = {_TOOL: Trouble(log, f"project {project_id}")}
        self._judge_again = 0.0
        self.wanted = True

    def step(self) -> float:
        """A small piece of work; returns how many seconds to wait before the next.

        Raises LeaseLost, and SQLAlchemyError where the database does not even say what there is to do.
        """
        self._stands = None
        project = self._look()
        if project is None or project.state in _OFF:
            self.wanted = False
            return 0.0
        busy = False
        if project.state != ProjectState.DISCONNECTING:
            self._part("fall back from a broken champion", lambda: self._mend(project))
        if project.state == ProjectState.CONNECTED and time.monotonic() >= self._judge_again:
            busy = self._part("decide on rounds", lambda: self._scheduler.step() > 0)
            self._judge_again = time.monotonic() + _JUDGE_SECONDS
        busy = self._with_tool(project) or busy
        self._tell(project)
        lively = project.hinted_at is not None and now() - LIVELY < project.hinted_at
        return 0.0 if busy else LIVELY_SECONDS if lively else IDLE_SECONDS

    def _standing(self) -> Standing:
        """Where the project stands: as it was seen in this step, or anew where this worker has written since."""
        if self._stands is None or self._stands[0] != self._hold.written:
            written = self._hold.written
            with self._hold.database.glance() as connection:
                found = standing.read(connection, self._id)
            if found is None:
                raise projects.unknown(self._id)
            self._stands = written, found
        return self._stands[1]

    def _look(self) -> Project | None:
        """The project as it is now, read anew where it has changed; None where it is gone."""
        try:
            row = self._standing().row
            if self._project is None or self._project[0] != row:
                with self._hold.database.session() as session:
                    self._project = row, projects.get(session, self._id)
        except NotFound:
            return None
        return self._project[1]

    def _with_tool(self, project: Project) -> bool:
        trouble = self._troubles[_TOOL]
        if trouble.pause:
            return False
        try:
            busy = self._work(project)
        except ToolError as error:
            # whatever else would be asked of the tool waits, too
            self._intake.forget()
            self._backfiller.forget()
            trouble.note(error)
            return False
        if trouble.over():
            log.info("project %s: the labelling tool answers again", self._id)
        return busy

    def _work(self, project: Project) -> bool:
        if project.state == ProjectState.CONNECTING:
            return self._part("connect", lambda: self._onboarding.step(lambda: self._reach(project)))
        if project.state == ProjectState.DISCONNECTING:
            return self._part("disconnect", lambda: disconnect(self._hold, project, lambda: self._reach(project)))

        def there() -> tuple[Connector, Standing]:
            return self._reach(project), self._standing()

        if self._part("renew its wiring", lambda: self._wiring.step(self._reach(project), project)):
            return True
        busy = self._part(_INTAKE, lambda: self._intake.step(self._reach(project), project))
        self._part("compare blind labels", self._unseen.step)
        busy = self._part("announce", lambda: self._announcer.step(*there())) or busy
        busy = self._part("show what comes next", lambda: self._next_shown.step(*there())) or busy
        busy = self._part("order what comes next", lambda: self._reordering.step(*there())) or busy
        busy = self._part("show label errors", lambda: self._sent_back.step(self._reach(project), project)) or busy
        busy = self._part("backfill", lambda: self._backfiller.step(*there())) or busy
        if self._settings.explain and not busy:
            busy = self._part("explain what comes next", lambda: self._reasons.step(self._reach(project)))
        return busy

    def _part(self, name: str, work: Callable[[], object]) -> bool:
        """One part of the work, which fails and waits by itself; True where there is more of it. Raises ToolError."""
        trouble = self._troubles.setdefault(name, Trouble(log, f"project {self._id} cannot {name}"))
        if trouble.pause:
            return False
        try:
            busy = bool(work())
        except (LeaseLost, ToolError):
            raise
        except Exception as error:
            trouble.note(error)
            return False
        if trouble.over():
            log.info("project %s can %s again", self._id, name)
        return busy

    def _reach(self, project: Project) -> Connector:
        known = (project.url, project.api_key, project.external_id, project.options)
        if self._connector is None or known != self._known:
            self._intake.forget()
            self._backfiller.forget()
            check_allowed(project.url, self._settings.tool_places)
            self._connector, self._known = connectors.connect(project, keyring.load(self._settings)), known
        return self._connector

    def _mend(self, project: Project) -> None:
        """Falls back where no web process can load what it should serve."""
        if not self._standing().troubled:
            return
        with self._hold.database.session() as session:
            generation = generations.of(session, project)
            problem = servers.problem(session, project.id, generation.name) if generation else None
        if problem is not None:
            with self._hold.transaction() as tx:
                promotion.fall_back(tx, project.id, problem)

    def _tell(self, project: Project) -> None:
        """Makes the project's row say what is wrong: compared after each step, so that it is right in the end."""
        problem = next((each.problem for each in self._troubles.values() if each.problem), None)
        stalled = any(name in self._troubles and self._troubles[name].problem for name in (_TOOL, _INTAKE))
        if (project.problem, project.stalled_at is not None) == (problem, stalled):
            return
        with self._hold.transaction() as tx:
            current = projects.lock(tx, self._id)
            if current.state in (ProjectState.CONNECTING, ProjectState.CONNECTED):
                current.problem = problem
                current.stalled_at = (current.stalled_at or now()) if stalled else None
