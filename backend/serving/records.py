"""Where serving meets the database: what is wanted, what was hinted, what is reported."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from labelwheel.backend.database import keyring
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import ExampleRow
from labelwheel.backend.errors import Conflict, NotFound
from labelwheel.backend.ledger import blind_share, given_together, hints
from labelwheel.backend.projects import generations, projects, servers, tool_secrets, turns
from labelwheel.backend.rounds import newest, scheduling
from labelwheel.backend.serving.hint_writer import Place
from labelwheel.backend.serving.models import Wanted
from labelwheel.backend.settings import Settings
from labelwheel.training.questions import Example, Question
from labelwheel.training.spec import LabelledExample

log = logging.getLogger(__name__)

ALONE_SECONDS = 1.5
"""So long it holds that there was no other web process; a new one waits longer before it answers."""


class ServingLedger:
    """The few things that serving reads and writes. `name` is this web process's own."""

    def __init__(self, database: Database, settings: Settings, name: str) -> None:
        self._database, self._settings, self._name = database, settings, name
        self._mark: tuple[object, ...] | None = None
        self._wanted: dict[int, Wanted] = {}
        self._alone_since: float | None = None

    def wanted(self) -> dict[int, Wanted]:
        """What every project should be served with; read anew where something has changed since the last time."""
        moment = time.monotonic()
        with self._database.glance() as connection:
            self._alone_since = None if servers.others(connection, self._name) else moment
            mark = generations.mark(connection)
        if mark != self._mark:
            # what changes after the mark is read with it now, and once more the next time
            with self._database.session() as session:
                self._wanted, self._mark = self._read(session), mark
        return dict(self._wanted)

    def _read(self, session: Session) -> dict[int, Wanted]:
        return {
            number: Wanted(
                number,
                view.tool,
                view.reference or None,
                view.name,
                view.questions,
                {name: (member.version, member.folder) for name, member in view.members.items()},
                {member.version: member.digest for member in view.members.values() if member.digest},
                view.version,
                view.heads,
                view.answers,
                view.turn,
            )
            for number, view in generations.current(session).items()
        }

    def alone(self) -> bool:
        """Whether no other web process answers at this moment: none had reported a moment ago, and who is new waits."""
        return self._alone_since is not None and time.monotonic() - self._alone_since < ALONE_SECONDS

    def others(self) -> bool:
        """Whether there are other web processes."""
        with self._database.glance() as connection:
            return servers.others(connection, self._name)

    def turn(self, project: int) -> int:
        """The turn that a project is on."""
        with self._database.glance() as connection:
            return turns.latest(connection, project)

    def names(self, tool: str, reference: str | None) -> list[str]:
        """The generations that a project was served, the newest first."""
        with self._database.session() as session:
            return generations.names(session, tool, reference)

    def options(self, tool: str, reference: str) -> Mapping[str, Any]:
        """What the connector keeps of a project; raises UnknownProject."""
        with self._database.session() as session:
            options = projects.find(session, tool, reference).options or {}
        return keyring.load(self._settings).open_options(options)

    def given_together(self, project: int, questions: Sequence[Question]) -> given_together.Together:
        """Which answers people gave together."""
        with self._database.session() as session:
            return given_together.read(session, project, [question.name for question in questions])

    def trained_on(self, project: int, question: str) -> list[LabelledExample]:
        """The newest labels that the question's model may have learnt from."""
        with self._database.session() as session:
            return newest.trained_on(session, projects.question(session, project, question))

    def example(self, project: int, key: str) -> Example:
        """An example as the ledger knows it; raises NotFound, and Conflict where nothing may be suggested for it."""
        with self._database.session() as session:
            query = select(ExampleRow).filter_by(project_id=project, key=key, gone=False)
            row = session.scalars(query).one_or_none()
        if row is None:
            raise NotFound(f"project {project} has no example {key!r:.100}")
        if blind_share.is_blind(row, self._settings.blind):
            raise Conflict(f"example {key!r:.100} is blind: nobody is told what the model says of it; take another one")
        return Example(key=row.key, fields=row.fields)

    def blind(self, project: int, examples: Sequence[Example]) -> frozenset[str]:
        """The keys of the examples for which nobody is shown a suggestion.

        None while the database does not answer, which costs no suggestion else: what is shown then is traced, and its
        label is not taken for blind.
        """
        if not self._settings.blind:
            return frozenset()
        try:
            with self._database.glance() as connection:
                return blind_share.among(connection, project, examples, self._settings.blind)
        except SQLAlchemyError as error:
            log.warning(
                "project %s: blind examples are suggested to, as the database does not answer: %s", project, error
            )
            return frozenset()

    def report(
        self,
        serving: dict[str, str],
        problems: dict[str, dict[str, str]],
        models: dict[str, Any],
        memory_mb: float,
        prepared: dict[str, str] | None = None,
    ) -> None:
        """What this process serves, and is ready to serve; whoever reports last that it is ready takes the turn."""
        with self._database.transaction() as tx:
            servers.report(tx, self._name, serving, problems, memory_mb, models, prepared)
        turns.settle_all(self._database)

    def leave(self) -> None:
        """Nobody has to wait for this process any more."""
        with self._database.transaction() as tx:
            servers.leave(tx, self._name)

    def write(self, found: Mapping[Place, hints.Keys]) -> None:
        """Writes what the labelling tools hinted at; unknown projects are forgotten."""
        with self._database.transaction() as tx:
            for (tool, reference), keys in sorted(found.items()):
                hints.hint(tx, tool, reference, keys)

    def train(self, tool: str, reference: str) -> Mapping[str, str]:
        """Someone pressed "train" in the tool: what comes of it, by question; raises UnknownProject."""
        with self._database.session() as session:
            project = projects.find(session, tool, reference)
        return scheduling.asked(self._database, self._settings, project.id)

    def owner(self, secret: str) -> tool_secrets.Owner | None:
        """Whose secret it is that a labelling tool shows."""
        with self._database.session() as session:
            return tool_secrets.find(session, secret)
