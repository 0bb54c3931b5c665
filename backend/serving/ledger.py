"""Where serving meets the database: what is wanted, what was hinted, what is reported."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from sqlalchemy import exists, select

from backend.database import Database
from backend.errors import Conflict, NotFound
from backend.ledger import generations, hints, projects, servers
from backend.ledger.tables import Label
from backend.rounds import orders
from backend.serving.hints import Key
from backend.serving.holder import Wanted
from plugins.errors import UnknownProject

log = logging.getLogger(__name__)


class ServingLedger:
    """The few things that serving reads and writes. `name` is this web process's own; `store` holds the checkpoints."""

    def __init__(self, database: Database, store: Path, name: str) -> None:
        self._database, self._store, self._name = database, store, name

    def wanted(self) -> dict[int, Wanted]:
        """What every project should be served with."""
        with self._database.session() as session:
            views = generations.current(session)
        return {
            number: Wanted(
                number,
                view.tool,
                view.reference or None,
                view.name,
                view.questions,
                {name: (member.version, self._store / member.folder) for name, member in view.members.items()},
            )
            for number, view in views.items()
        }

    def names(self, tool: str, reference: str | None) -> list[str]:
        """The generations that a project was served, the newest first."""
        with self._database.session() as session:
            return generations.names(session, tool, reference)

    def options(self, tool: str, reference: str) -> Mapping[str, Any]:
        """What the connector keeps of a project; raises UnknownProject."""
        with self._database.session() as session:
            return dict(projects.find(session, tool, reference).options or {})

    def report(
        self,
        serving: dict[str, str],
        problems: dict[str, dict[str, str]],
        models: dict[str, Any],
        memory_mb: float,
    ) -> None:
        with self._database.transaction() as tx:
            servers.report(tx, self._name, serving, problems, memory_mb, models)

    def leave(self) -> None:
        """Nobody has to wait for this process any more."""
        with self._database.transaction() as tx:
            servers.leave(tx, self._name)

    def write(self, keys: Set[Key]) -> None:
        """Writes what the labelling tools hinted at; unknown projects are forgotten."""
        with self._database.transaction() as tx:
            for _, tool, reference in sorted(keys):
                hints.hint(tx, tool, reference)
        for kind, tool, reference in sorted(keys):
            if kind == "train":
                self._train(tool, reference)

    def _train(self, tool: str, reference: str) -> None:
        with self._database.session() as session:
            try:
                project = projects.find(session, tool, reference)
            except UnknownProject:
                return
            labelled = exists().where(Label.project_id == project.id)
            questions = [
                row
                for row in projects.questions(session, project.id)
                if session.scalar(select(labelled.where(Label.question == row.name)))
            ]
        for question in questions:
            try:
                with self._database.transaction() as tx:
                    orders.order(tx, question.id, trigger="button")
            except (Conflict, NotFound) as error:
                log.info("no round was started: %s", error)
