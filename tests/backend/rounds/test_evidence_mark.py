"""Each thing that evidence rests on is in the mark: left out, a change of it alone would go unseen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, Decision, Event, Project, QuestionRow, Round
from labelwheel.backend.rounds import evidence_mark
from tests.backend.world import World

NOW = datetime.now(UTC)


@pytest.fixture
def settled(world: World) -> World:
    world.tool.page_size = 50
    world.connect()
    world.settle()
    world.label(12)
    world.until(lambda: world.rounds and world.rounds[-1].state == "promoted")
    world.settle()
    return world


def question(**changed: object) -> Callable[[Session], object]:
    return lambda tx: tx.execute(update(QuestionRow).where(QuestionRow.id == 1).values(**changed))


def project(**changed: object) -> Callable[[Session], object]:
    return lambda tx: tx.execute(update(Project).where(Project.id == 1).values(**changed))


CHANGES: dict[str, Callable[[Session], object]] = {
    "name": question(name="another"),
    "active": question(active=False),
    "spec": question(spec={"name": "topic", "kind": "choice", "inputs": ["text"], "options": [{"value": "rain"}]}),
    "champion": question(champion_id=None),
    "pinned": question(pinned=True),
    "counted from": question(counted_from=7),
    "home": question(home_id=1),
    "shared": question(shared_at=NOW),
    "state": project(state="failed"),
    "changes": project(changes=Project.changes + 1),
    "an event": lambda tx: tx.execute(update(Event).where(Event.project_id == 1).values(id=Event.id + 1000)),
    "a round": lambda tx: tx.add(
        Round(project_id=1, question_id=1, trigger="labels", recipe="auto", state="promoted", version="v")
    ),
    "a round's state": lambda tx: tx.execute(update(Round).values(state="failed")),
    "a broken champion": lambda tx: tx.execute(update(CheckpointRow).values(broken="it cannot be loaded")),
    "a decision": lambda tx: tx.execute(delete(Decision).where(Decision.project_id == 1)),
}


def test_a_change_of_each_thing_alone_is_seen(settled: World) -> None:
    unseen = []
    with settled.database.transaction() as tx:
        before = evidence_mark.read(tx.connection(), 1)
        assert before
        for what, change in CHANGES.items():
            alone = tx.begin_nested()
            change(tx)
            tx.flush()
            if evidence_mark.read(tx.connection(), 1) == before:
                unseen.append(what)
            alone.rollback()
            assert evidence_mark.read(tx.connection(), 1) == before
    assert not unseen
