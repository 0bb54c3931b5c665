"""Connecting a project, step by step: nothing is wired before there is something to suggest, and a kill costs a step.

Read the configuration → prepare suggestions from the label names → a generation → a web process serves it → wire the
labelling tool → connected. A failure undoes the wiring and says why.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from labelwheel.backend.database.lease import Hold, LeaseLost
from labelwheel.backend.database.tables import ACTIVE, Backfill, Project, ProjectState, QuestionRow, Round, now
from labelwheel.backend.errors import Conflict
from labelwheel.backend.onboarding import sharing
from labelwheel.backend.onboarding.wiring import Wiring
from labelwheel.backend.projects import (
    champion_groups,
    configuration,
    decisions,
    generations,
    projects,
    servers,
    tool_secrets,
)
from labelwheel.backend.rounds import round_commands
from labelwheel.backend.rounds.scheduling import Scheduler
from labelwheel.backend.settings import Settings
from labelwheel.backend.trouble import fleeting, line
from labelwheel.plugins.connector import Connector
from labelwheel.plugins.errors import ToolUnreachable
from labelwheel.training.errors import LabelwheelError
from labelwheel.training.spec import Recipe

log = logging.getLogger(__name__)

_TRIES = 4
_PATIENCE_SECONDS = 10.0
"""After so long without an answer from the labelling tool, whoever waits is told."""


class Onboarding:
    """The way of one project from `connecting` to `connected`, or to `failed`."""

    def __init__(self, hold: Hold, settings: Settings, project_id: int, wiring: Wiring) -> None:
        self._hold, self._settings, self._id, self._wiring = hold, settings, project_id, wiring
        self._scheduler = Scheduler(hold, settings, project_id)
        self._tries = 0
        self._failing_since: float | None = None
        self._configured_for: object = None

    def step(self, connect: Callable[[], Connector]) -> bool:
        """One step; True where the next can follow at once.

        Raises what may pass, to be tried again a few times: ToolUnreachable, and a database that does not answer.
        Whatever else goes wrong ends the connecting at once.
        """
        connector, began = None, time.monotonic()
        try:
            connector = connect()
            busy = self._step(connector)
        except LeaseLost:
            raise
        except Exception as error:
            away = isinstance(error, ToolUnreachable)
            self._tries += 1
            self._failing_since = began if self._failing_since is None else self._failing_since
            patient = self._tries < _TRIES and time.monotonic() - self._failing_since < _PATIENCE_SECONDS
            if patient and (away or fleeting(error)):
                raise
            self._give_up(None if away else connector, error)  # what cannot be reached cannot be tidied up
        else:
            self._tries, self._failing_since = 0, None
            return busy
        self._tries, self._failing_since, self._configured_for = 0, None, None
        return False

    def _step(self, connector: Connector) -> bool:
        if self._configured_for is not connector:
            if not self._configure(connector):
                return False
            self._configured_for = connector
            return True
        if self._scheduler.step(only_names=True) or self._preparing():
            return False
        with self._hold.database.session() as session:
            project = projects.get(session, self._id)
            generation = generations.of(session, project)
            served = generation is not None and servers.served(session, self._id, generation.name)
        if generation is None:
            with self._hold.transaction() as tx:
                locked = projects.lock(tx, self._id)
                if locked.generation_id is None:
                    generations.create(tx, locked, "nothing can be suggested before the first labels")
            return True
        if not served:
            self._say("waiting for the web process to serve the first suggestions")
            return False
        self._say("wiring the labelling tool")
        options = self._wiring.wire(connector, project, generation.name)
        with self._hold.transaction() as tx:
            locked = projects.lock(tx, self._id)
            if locked.state != ProjectState.CONNECTING:
                return True  # disconnected, or connected anew with another key, meanwhile
            self._wiring.settle(tx, locked, options)
            locked.announced = generation.name
            locked.state, locked.step, locked.problem = ProjectState.CONNECTED, "", None
            locked.want_sweep()
            self._configured_for = None
            _fill_again(tx, generation.name)
            decisions.decide(tx, locked, None, "connected", f"{locked.tool} shows suggestions of {generation.name}")
        return True

    def _configure(self, connector: Connector) -> bool:
        if (other := self._awaited()) is not None:
            self._say(f"waiting for project {other}, which is being connected too")
            return False
        self._say("reading the configuration")
        config = connector.config()
        with self._hold.transaction() as tx:
            project = projects.lock(tx, self._id)
            check_alone(tx, project, config.reference)
            configuration.apply(tx, project, config)
            project.step = "preparing the first suggestions"
            wanted = project.share_with_id
        if wanted is not None:
            self._share(wanted)
        return True

    def _awaited(self) -> int | None:
        """The project to share with, where it is not known yet what that one asks."""
        with self._hold.database.session() as session:
            wanted = projects.get(session, self._id).share_with_id
            if wanted is None or projects.questions(session, wanted):
                return None
            return wanted if projects.get(session, wanted).state == ProjectState.CONNECTING else None

    def _share(self, other: int) -> None:
        with self._hold.database.session() as session:
            signed = sharing.sign(session, self._id, other)
        with self._hold.transaction() as tx:
            project = projects.lock(tx, self._id, other)
            sharing.share(tx, project, projects.get(tx, other), signed)
            project.share_with_id = None

    def _preparing(self) -> bool:
        with self._hold.database.session() as session:
            homes = [row.home_id or row.id for row in projects.questions(session, self._id)]
            query = select(Round.id).where(
                Round.question_id.in_(homes), Round.recipe == Recipe.NAMES, Round.state.in_(ACTIVE)
            )
            return session.scalar(query.limit(1)) is not None

    def _say(self, step: str) -> None:
        with self._hold.database.session() as session:
            if projects.get(session, self._id).step == step:
                return
        with self._hold.transaction() as tx:
            projects.lock(tx, self._id).step = step

    def _give_up(self, connector: Connector | None, error: Exception) -> None:
        if not isinstance(error, LabelwheelError):
            log.error("project %s cannot be connected", self._id, exc_info=error)
        if connector is not None:
            _unwire(lambda: connector, self._id)
        with self._hold.transaction() as tx:
            project = tx.get(Project, self._id) and projects.lock(tx, self._id)
            if project is None or project.state != ProjectState.CONNECTING:
                return
            project.state, project.step, project.problem = ProjectState.FAILED, "", line(error)
            project.announced = project.share_with_id = project.rewiring = None
            tool_secrets.end(tx, self._id)
            _cancel_rounds(tx, project, "connecting failed")
            decisions.decide(tx, project, None, "not connected", line(error))


def _fill_again(tx: Session, generation: str) -> None:
    """Has the suggestions that were filled in before looked through once more: an order of what is left ends that.

    What shows an order in the tool is made anew with the wiring, and is empty.
    """
    before = update(Backfill).where(Backfill.generation == generation, Backfill.state == "done")
    tx.execute(before.values(state="running", cursor=None, started_at=now(), ended_at=None))


def check_alone(tx: Session, project: Project, reference: str) -> None:
    """Two projects over one place would learn from the same people twice, and undo each other's wiring."""
    query = select(Project).where(
        Project.tool == project.tool,
        Project.url == project.url,
        Project.reference == reference,
        Project.id != project.id,
    )
    for other in tx.scalars(query.order_by(Project.id)).all():
        if other.state in (ProjectState.CONNECTING, ProjectState.CONNECTED):
            raise Conflict(
                f"this is project {other.id} already, by the name {other.external_id!r:.100}: connect it by that name "
                "to go on there, with another key too; or disconnect it first"
            )
        if projects.was_connected(tx, other.id):
            raise Conflict(
                f"this was project {other.id} before, by the name {other.external_id!r:.100}: connect it by that name, "
                "to go on with its labels"
            )


def disconnect(hold: Hold, project: Project, connect: Callable[[], Connector]) -> bool:
    """Undoes the wiring; a labelling tool that is away for good does not keep a project for ever."""
    problem = _unwire(connect, project.id)
    with hold.transaction() as tx:
        locked = projects.lock(tx, project.id)
        if locked.state != ProjectState.DISCONNECTING:
            return True
        locked.state, locked.step, locked.problem = ProjectState.DISCONNECTED, "", problem
        locked.announced, locked.rewiring, locked.hinted_at, locked.stalled_at = None, None, now(), None
        tool_secrets.end(tx, locked.id)
        _cancel_rounds(tx, locked, "the project was disconnected")
        decisions.decide(tx, locked, None, "disconnected", problem or "someone asked for it")
    return False


def _unwire(connect: Callable[[], Connector], project_id: int) -> str | None:
    """Undoes the wiring as far as it goes; returns what prevented it."""
    try:
        connect().unwire()
    except Exception as error:
        problem = f"the wiring could not be undone: {line(error)}"
        log.warning("project %s: %s", project_id, problem, exc_info=not isinstance(error, LabelwheelError))
        return problem
    return None


def _cancel_rounds(tx: Session, project: Project, reason: str) -> None:
    """Ends the rounds that nobody who is connected waits for any more."""
    for question in tx.scalars(select(QuestionRow).where(QuestionRow.project_id == project.id)).all():
        home = champion_groups.home(tx, question)
        if champion_groups.live(tx, home):
            continue
        active = select(Round).where(Round.question_id == home.id, Round.state.in_(ACTIVE))
        for found in tx.scalars(active).all():
            round_commands.cancel(tx, found.id, reason)
