"""Where a project stands is what its rows say, and another answer whenever any of them has changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Integer, select

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Backfill, ExampleRow, Project, ProjectState, now
from labelwheel.backend.database.tables.base import Moment
from labelwheel.backend.projects import generations, projects, servers, standing
from labelwheel.backend.projects.standing import Standing

COLUMNS = sorted(column.name for column in Project.__table__.c if column.name != "id")


@pytest.fixture
def project(database: Database) -> int:
    with database.transaction() as tx:
        found = Project(
            tool="toy", url="u", external_id="1", api_key="k", service_url="s", state=ProjectState.CONNECTED,
            options={"backend": 1}, polled_at=now(), hinted_keys={"1": "then"},
        )  # fmt: skip
        tx.add(found)
        tx.flush()
        return found.id


def read(database: Database, number: int) -> Standing:
    with database.glance() as connection:
        found = standing.read(connection, number)
    assert found is not None
    return found


def other(column: Any, value: Any) -> Any:
    """Another value that the column may have."""
    if isinstance(column.type, JSON):
        return [1, 2] if isinstance(value, list) else {"another": "wörd"}
    if isinstance(column.type, Boolean):
        return not value
    if isinstance(column.type, Integer):
        return (value or 0) + 1
    if isinstance(column.type, Moment):
        return (value or now()) + timedelta(microseconds=1)
    return f"{value} another"


@pytest.mark.parametrize("column", COLUMNS)
def test_any_change_of_its_row_is_seen(database: Database, project: int, column: str) -> None:
    before = read(database, project)
    assert read(database, project).row == before.row
    with database.transaction() as tx:
        row = projects.lock(tx, project)
        setattr(row, column, other(Project.__table__.c[column], getattr(row, column)))
    assert read(database, project).row != before.row


def test_it_tells_what_is_served_and_how_far_suggestions_have_come(database: Database, project: int) -> None:
    assert read(database, project)[1:] == (None, None, None, None, None, 0, False, False)
    with database.transaction() as tx:
        row = projects.lock(tx, project)
        old = generations.create(tx, row, "the first").name
        name = generations.create(tx, row, "a test").name
        row.announced = old
        tx.add(Backfill(project_id=project, generation=old, state="running", examples_until=3))
        tx.add(ExampleRow(project_id=project, key="1", fields={}, digest="d", group="g", part="train"))
        tx.flush()
        newest = tx.scalars(select(ExampleRow.id)).one()
    assert read(database, project)[1:] == (old, name, None, None, None, newest, True, False)
    with database.transaction() as tx:
        tx.scalars(select(Backfill)).one().state = "dropped"
        tx.add(Backfill(project_id=project, generation=name, state="done", examples_until=newest))
        revision = generations.revise(tx, projects.lock(tx, project), {"topic": 1})
        assert revision is not None
    assert read(database, project)[1:] == (old, name, revision.name, "done", newest, newest, False, False)


def test_trouble_is_that_of_this_project_alone(database: Database, project: int) -> None:
    def report(problems: dict[str, dict[str, str]]) -> bool:
        with database.transaction() as tx:
            servers.report(tx, "web", {str(project): "served"}, problems)
        return read(database, project).troubled

    assert not report({})
    assert not report({f"{project}1": {"generation": "1-g1"}})
    assert report({str(project): {"generation": "1-g1"}})
    assert not report({})


def test_of_a_project_that_is_gone_there_is_nothing(database: Database, project: int) -> None:
    with database.glance() as connection:
        assert standing.read(connection, project + 1) is None
