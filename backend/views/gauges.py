"""What the metrics tell of the database: rounds by state, and how long ago each project was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Project, ProjectState, Round, now


@dataclass(frozen=True)
class Figures:
    """`rounds` by state; `lag` in seconds by project id."""

    rounds: Mapping[str, int]
    lag: Mapping[int, float]


def read(database: Database) -> Figures:
    """Two short queries."""
    with database.session() as session:
        counted = session.execute(select(Round.state, func.count()).group_by(Round.state))
        rounds = {str(state): int(count) for state, count in counted}
        looked = select(Project.id, Project.polled_at).where(Project.state == ProjectState.CONNECTED)
        moment = now()
        lag = {
            number: max(0.0, (moment - at).total_seconds()) for number, at in session.execute(looked) if at is not None
        }
    return Figures(rounds, lag)
