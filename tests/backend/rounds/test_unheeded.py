"""What nothing came of is told once, and questions that lack the same are named together."""

from __future__ import annotations

from sqlalchemy import select

from labelwheel.backend.database.tables import Decision
from labelwheel.backend.projects import projects
from labelwheel.backend.rounds import unheeded
from tests.backend.world import World


def told(world: World, reasons: dict[str, str]) -> list[tuple[str | None, str]]:
    with world.database.transaction() as tx:
        unheeded.note(tx, projects.get(tx, world.project.id), "somebody asked", reasons)
    with world.database.session() as session:
        rows = session.scalars(select(Decision).filter_by(kind=unheeded.KIND).order_by(Decision.id))
        return [(row.question, row.reason) for row in rows]


def test_questions_with_one_reason_stand_together(world: World) -> None:
    world.connect()
    assert told(world, {}) == []
    first = None, "somebody asked: mood, place: too few; topic: one is under way"
    few = {"mood": "too few", "place": "too few", "topic": "one is under way"}
    assert told(world, few) == [first]
    assert told(world, few) == [first], "the same again"
    second = None, "somebody asked: mood, place: too few"
    assert told(world, {"mood": "too few", "place": "too few"}) == [first, second]
    assert told(world, few) == [first, second, first], "something else was said meanwhile"
    assert told(world, {"mood": "too few"})[3:] == [("mood", "somebody asked: too few")]
