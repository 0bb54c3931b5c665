"""Where a project stands, in one statement: what the parts of the worker's loop ask about before they do anything.

Twice a second each of them used to read for itself that nothing had happened, which is most of what a worker does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import JSON, ColumnElement, Connection, String, Text, bindparam, cast, exists, func, select, type_coerce

from labelwheel.backend.database.tables import Backfill, ExampleRow, Generation, Project, Revision, Server
from labelwheel.backend.database.tables.base import Moment

_P, _B, _E = Project.__table__, Backfill.__table__, ExampleRow.__table__.c
_G, _R, _REPORTED = Generation.__table__, Revision.__table__, Server.__table__.c.problems


class Standing(NamedTuple):
    """`row` is the project's as it lies in the database: it is another one whenever anything in it has changed.

    `generation` and `revision` are names; `backfill` is the state of the generation's, which has filled what arrived up
    to the example `filled_until`; `filling` tells that any is under way, and `troubled` that a web process has reported
    trouble with the project.
    """

    row: tuple[Any, ...]
    announced: str | None
    generation: str | None
    revision: str | None
    backfill: str | None
    filled_until: int | None
    newest_example: int
    filling: bool
    troubled: bool


def _unread(column: ColumnElement[Any]) -> Any:
    """A column as the driver gives it: it is compared alone."""
    if isinstance(column.type, JSON):
        return cast(column, Text)
    return type_coerce(column, String) if isinstance(column.type, Moment) else column


_ROW = [_unread(column) for column in _P.c]
_PROJECT: ColumnElement[int] = bindparam("project")
_STANDING = (
    select(
        *_ROW, _G.c.name, _R.c.name, _B.c.state, _B.c.examples_until,
        select(func.max(_E.id)).where(_E.project_id == _PROJECT).scalar_subquery(),
        exists().where(_B.c.project_id == _PROJECT, _B.c.state == "running").correlate(None),
        exists().where(cast(_REPORTED, Text).contains(bindparam("reported"))),
    )
    .select_from(
        _P.outerjoin(_G, _G.c.id == _P.c.generation_id)
        .outerjoin(_R, _R.c.id == _P.c.revision_id)
        .outerjoin(_B, _B.c.generation == _G.c.name)
    )
    .where(_P.c.id == _PROJECT)
)  # fmt: skip
_ANNOUNCED = list(_P.c.keys()).index("announced")


def read(connection: Connection, project_id: int) -> Standing | None:
    """Where a project stands at this moment; None where there is none."""
    values = {"project": project_id, "reported": f'"{project_id}"'}
    found = connection.execute(_STANDING, values).one_or_none()
    if found is None:
        return None
    row, (generation, revision, backfill, until, newest, filling, troubled) = found[: len(_ROW)], found[len(_ROW) :]
    return Standing(
        tuple(row), row[_ANNOUNCED], generation, revision, backfill, until, newest or 0, bool(filling), bool(troubled)
    )
