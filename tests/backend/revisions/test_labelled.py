"""What heads learn from: held-out labels as well, blind ones once they are compared, and nothing that is set apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, update

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import ExampleRow, Label
from labelwheel.backend.ledger.labelling import rebuild
from labelwheel.backend.onboarding import sharing
from labelwheel.backend.projects import champion_groups, projects
from labelwheel.backend.revisions.labelled import LabelledExamples
from labelwheel.backend.suggestions import unseen
from labelwheel.plugins.testing.fake_tool import TOPIC, Tool
from labelwheel.training.spec import Part
from tests.backend.ledger.helpers import Ledger
from tests.backend.world import World


@pytest.fixture
def blind(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(unseen, "EVERY_SECONDS", 0.0)
    world.begin_blind(0.2)
    return world


def follow(world: World, labelled: LabelledExamples) -> bool:
    with world.database.session() as session:
        question = projects.question(session, 1, "topic")
        return labelled.follow(session, question, champion_groups.checkpoints(session, question)[0])


def label(world: World, keys: Sequence[str], answer: str = "sport", compared: bool = True) -> None:
    world.web.up = compared
    for key in keys:
        world.tool.submit(key, {"topic": answer})
    world.turns(12)


def of_part(world: World, part: Part) -> list[str]:
    """The keys of one side that are not blind."""
    with world.database.session() as session:
        found = session.scalars(select(ExampleRow.key).where(ExampleRow.part == part).order_by(ExampleRow.id))
        return [key for key in found if key not in world.blind]


def test_held_out_labels_are_learnt_and_what_belongs_to_neither_side_is_not(blind: World) -> None:
    blind.settings = blind.settings.model_copy(update={"blind": 0.05})
    held, train = of_part(blind, Part.HELD_OUT)[:2], of_part(blind, Part.TRAIN)[:3]
    with blind.database.transaction() as tx:
        tx.execute(update(ExampleRow).where(ExampleRow.key == train[0]).values(part=Part.APART))
    labelled = LabelledExamples(apart=[train[1]])
    label(blind, [*held, *train])
    assert follow(blind, labelled)
    assert set(labelled.rows) == {*held, train[2]}
    assert {labelled.rows[key].part for key in held} == {Part.HELD_OUT}
    assert not follow(blind, labelled)


@pytest.mark.parametrize("anew", [False, True])
def test_a_blind_label_waits_until_it_is_compared(blind: World, anew: bool) -> None:
    first, second, *_ = sorted(blind.blind)
    one, another, *_ = of_part(blind, Part.TRAIN)
    labelled = LabelledExamples()
    label(blind, [one])
    assert follow(blind, labelled)
    label(blind, [first, second], compared=False)
    assert follow(blind, labelled)
    assert list(labelled.rows) == [one], "what a head has learnt it would agree with"
    label(blind, [another])
    if anew:
        labelled = LabelledExamples()
    assert follow(blind, labelled)
    with blind.database.session() as session:
        versions = session.scalars(select(Label.unseen_version).where(Label.blind, Label.question == "topic")).all()
    assert versions == [blind.generation] * 2
    assert set(labelled.rows) == {one, another, first, second}
    label(blind, [first], "politics", compared=False)
    follow(blind, labelled)
    assert labelled.rows[first].answer == "politics", "it was compared once, and is not again"


def test_of_projects_that_share_each_blind_label_waits(database: Database) -> None:
    champion: Any = SimpleNamespace(id=1, last_event_id=0, created_at=datetime(2026, 1, 1, tzinfo=UTC))
    home, other = (Ledger(database, Tool(questions=(TOPIC,)), name) for name in "12")
    with database.transaction() as tx:
        sharing.share(tx, projects.lock(tx, other.id, home.id), projects.get(tx, home.id), {})
    for each in (home, other):
        for key in each.tool.add(*(f"{each.id} says {letter * 9}" for letter in "abc")):
            each.tool.submit(key, {"topic": "sport"})
        each.poll()
    last = Label.example_key == max(other.examples)
    with database.transaction() as tx:
        tx.execute(update(Label).where(Label.project_id == other.id, last).values(blind=True))
    labelled = LabelledExamples()

    def follow() -> set[str]:
        with database.session() as session:
            labelled.follow(session, projects.question(session, home.id, "topic"), champion)
        return set(labelled.rows)

    everything = {f"{each.id}/{key}" for each in (home, other) for key in each.examples}
    waiting = f"{other.id}/{max(other.examples)}"
    assert follow() == everything - {waiting}
    with database.transaction() as tx:
        tx.execute(update(Label).where(Label.blind).values(unseen_version="lw-1-0001-a"))
    home.tool.submit(min(home.examples), {"topic": "politics"})
    home.poll()
    assert follow() == everything


def test_labels_that_are_derived_anew_wait_for_nothing(blind: World) -> None:
    key, *_ = sorted(blind.blind)
    label(blind, [key])
    with blind.database.transaction() as tx:
        rebuild(tx, 1)
    labelled = LabelledExamples()
    follow(blind, labelled)
    assert set(labelled.rows) == {key}
