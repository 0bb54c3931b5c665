"""What changes whenever the evidence about a project's questions does, or their fast heads': one cheap statement.

Everything in it is read from the database, so that what another process has changed is noticed as well.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Text, bindparam, cast, func, or_, select

from labelwheel.backend.database.tables import CheckpointRow, Decision, Event, Project, QuestionRow, Round

# put together once: every connected project is asked about this every second
_Q, _P, _R = QuestionRow.__table__, Project.__table__, Round.__table__
_EVENT, _DECISION, _CHAMPION = Event.__table__.c, Decision.__table__.c, CheckpointRow.__table__.c
_ASKED = _Q.alias("asked")
_GROUPS = select(func.coalesce(_ASKED.c.home_id, _ASKED.c.id)).where(
    _ASKED.c.project_id == bindparam("project"), _ASKED.c.active
)
_ROUNDS = select(_R.c.state).where(_R.c.question_id == _Q.c.id).order_by(_R.c.id.desc()).limit(1)
_MARK = (
    select(
        _Q.c.id, _Q.c.name, _Q.c.active, cast(_Q.c.spec, Text), _Q.c.champion_id, _Q.c.pinned, _Q.c.counted_from,
        _Q.c.home_id, _Q.c.shared_at, _P.c.state, _P.c.changes,
        select(func.max(_EVENT.id)).where(_EVENT.project_id == _Q.c.project_id, _EVENT.question == _Q.c.name)
        .scalar_subquery(),
        # a question's rounds follow one another, and none changes once it has ended: so the newest tells of all
        select(func.max(_R.c.id)).where(_R.c.question_id == _Q.c.id).scalar_subquery(), _ROUNDS.scalar_subquery(),
        select(_CHAMPION.broken.is_(None)).where(_CHAMPION.id == _Q.c.champion_id).scalar_subquery(),
        # why no round starts is written again where something else was written since
        select(func.max(_DECISION.id)).where(_DECISION.project_id == _Q.c.project_id).scalar_subquery(),
    )
    .join(_P, _P.c.id == _Q.c.project_id)
    .where(or_(_Q.c.id.in_(_GROUPS), _Q.c.home_id.in_(_GROUPS)))
    .order_by(_Q.c.id)
)  # fmt: skip

Mark = tuple[Any, ...]


def read(connection: Connection, project_id: int) -> Mark:
    """The mark of all that a project asks, and of all that share it; empty where nothing is asked.

    Read it first and then what it stands for: what changes in between is noticed the next time.
    """
    return tuple(tuple(row) for row in connection.execute(_MARK, {"project": project_id}))
