"""What annotators are called: by their names for the holder of the admin token, by a number for everybody else."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Event


def names(session: Session, project_id: int, named: bool) -> Mapping[str, str]:
    """Whoever labelled in a project, in the order of their first labels, as they are called.

    Numbers stay what they are: nobody can label for the first time before somebody who has.
    """
    query = (select(Event.annotator).where(Event.project_id == project_id).group_by(Event.annotator)).order_by(
        func.min(Event.id)
    )
    found = session.scalars(query)
    return {name: name if named else f"annotator {place}" for place, name in enumerate(found, 1)}
