"""How the tests of the ledger set up a project and compare it with the tool."""

from __future__ import annotations

import itertools
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.keyring import Keyring
from labelwheel.backend.database.tables import Event, ExampleRow, Label, Project
from labelwheel.backend.ledger import intake, sweeps
from labelwheel.backend.ledger.labelling import rebuild
from labelwheel.backend.projects import configuration
from labelwheel.plugins.connector import Connection, Page
from labelwheel.plugins.testing.fake_tool import FakeConnector, Tool

_numbers = itertools.count(1)


class Ledger:
    """A project in the database, connected to a tool in memory."""

    def __init__(self, database: Database, tool: Tool | None = None, name: str = "1") -> None:
        self.columns: dict[str, str] = {}
        self.database, self.tool = database, tool or Tool()
        url = f"http://fake{next(_numbers)}"
        FakeConnector.tools[url] = self.tool
        self.connector = FakeConnector(Connection(tool="fake", url=url, api_key="k", project=name))
        with database.transaction() as tx:
            project = Project(tool="fake", url=url, external_id=name, api_key="k", service_url="http://us")
            tx.add(project)
            tx.flush()
            configuration.apply(tx, project, self.connector.config())
            self.id = project.id

    def take(self, page: Page, sweeping: bool = False, fetched: bool = False) -> intake.Taken:
        with self.database.session() as session:
            prepared = intake.prepare(session, self.id, page)
        with self.database.transaction() as tx:
            return intake.take(tx, self.id, prepared, sweeping, fetched, named=self.columns)

    def poll(self, cursor: str | None = None) -> None:
        for page in self.connector.poll(cursor or self.project.poll_cursor):
            self.take(page)

    def fetch(self, *keys: str) -> None:
        self.take(self.connector.fetch(keys), fetched=True)

    def sweep(self, pages: int | None = None) -> None:
        with self.database.transaction() as tx:
            begun = sweeps.begin(tx, self.id)
            number, cursor = begun.sweep_number, begun.sweep_cursor
        for page in itertools.islice(self.connector.sweep(cursor), pages):
            self.take(page, sweeping=True)
            cursor = page.cursor
        if pages is None:
            with self.database.transaction() as tx:
                sweeps.finish(tx, self.id, number, cursor)

    def configure(self) -> bool:
        with self.database.transaction() as tx:
            return configuration.apply(tx, tx.get_one(Project, self.id), self.connector.config())

    @property
    def project(self) -> Project:
        with self.database.session() as session:
            return session.get_one(Project, self.id)

    @property
    def labels(self) -> dict[tuple[str, str], Any]:
        """The current labels: (work, question) → answer."""
        with self.database.session() as session:
            return {key: facts[0] for key, facts in self._facts(session).items()}

    @property
    def facts(self) -> dict[tuple[str, str], tuple[Any, ...]]:
        with self.database.session() as session:
            return self._facts(session)

    @property
    def rebuilt(self) -> dict[tuple[str, str], tuple[Any, ...]]:
        """What the labels would be if they were derived from the events anew."""
        with self.database.transaction() as tx:
            rebuild(tx, self.id)
            return self._facts(tx)

    @property
    def events(self) -> list[tuple[str, str, str, Any]]:
        with self.database.session() as session:
            query = select(Event).where(Event.project_id == self.id).order_by(Event.id)
            return [(row.action, row.work_key, row.question, row.answer) for row in session.scalars(query)]

    @property
    def examples(self) -> dict[str, ExampleRow]:
        with self.database.session() as session:
            query = select(ExampleRow).where(ExampleRow.project_id == self.id)
            return {row.key: row for row in session.scalars(query)}

    def _facts(self, session: Session) -> dict[tuple[str, str], tuple[Any, ...]]:
        rows = session.scalars(select(Label).where(Label.project_id == self.id))
        return {
            (row.work_key, row.question): (
                row.answer, row.example_key, row.annotator, row.origin, row.version, row.made_at, row.lead_time,
                row.event_id,
            )
            for row in rows
        }  # fmt: skip


def truth(tool: Tool) -> dict[tuple[str, str], Any]:
    """What the labels have to be: (work, question) → answer."""
    return {
        (work.key, name): answer
        for work in tool.work.values()
        if not work.skipped
        for name, answer in work.answers.items()
    }


KEYS = Keyring(["a-key-of-thirty-two-characters-or-even-more"])
"""For databases of earlier versions, whose keys of labelling tools are encrypted as they are brought up to date."""
