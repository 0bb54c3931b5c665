"""What an order knows of what was answered."""

from __future__ import annotations

from labelwheel.backend.suggestions import so_far
from labelwheel.backend.suggestions.so_far import NOTHING
from labelwheel.training.questions import Question
from tests.backend.world import World


def read(world: World) -> so_far.SoFar:
    with world.database.session() as session:
        from labelwheel.backend.projects import projects

        asked = [Question.model_validate(row.spec) for row in projects.questions(session, world.project.id)]
        return so_far.read(session, world.project.id, asked)


def test_it_counts_classes_and_reads_the_newest_texts(world: World, monkeypatch) -> None:
    texts = [f"text number {number}" for number in range(6)]
    world.tool.add(*texts)
    world.connect()
    world.settle()
    assert read(world) == NOTHING
    world.label(4)
    world.settle()
    found = read(world)
    assert found.labelled == sum(found.classes.values()) == len(found.texts) == 4
    assert set(found.texts) < set(texts)
    assert {said.partition(" ")[0] for said in found.classes} == {"topic"}, "said as candidates say it"
    monkeypatch.setattr(so_far, "NEWEST", 3)
    monkeypatch.setattr(so_far, "TEXTS", 2)
    bounded = read(world)
    assert (bounded.labelled, sum(bounded.classes.values()), len(bounded.texts)) == (3, 3, 2)
