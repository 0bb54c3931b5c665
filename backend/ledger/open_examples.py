"""Which examples nobody has labelled yet, as the conditions of a query."""

from __future__ import annotations

from sqlalchemy import ColumnElement, exists

from labelwheel.backend.database.tables import ExampleRow, Label


def are_open(project_id: int) -> tuple[ColumnElement[bool], ...]:
    """Of `ExampleRow`: those of a project that are there and have no label to any question."""
    label = exists().where(Label.project_id == project_id, Label.example_key == ExampleRow.key)
    return ExampleRow.project_id == project_id, ExampleRow.gone.is_(False), ~label
