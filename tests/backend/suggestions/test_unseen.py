"""What would have been suggested for a blind example is asked once it is answered, and told nobody."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from labelwheel.backend.database.tables import Label
from labelwheel.backend.suggestions import unseen
from tests.backend.world import World


@pytest.fixture
def blind(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(unseen, "EVERY_SECONDS", 0.0)
    world.begin_blind(0.2)
    return world


def compared(world: World) -> dict[str, tuple[str | None, bool | None]]:
    with world.database.session() as session:
        query = select(Label).where(Label.question == "topic")
        return {label.example_key: (label.unseen_version, label.unseen_agrees) for label in session.scalars(query)}


def test_each_blind_label_is_compared_with_what_would_have_been_suggested(blind: World) -> None:
    first, second, *_ = sorted(blind.blind)
    shown = next(key for key in blind.tool.examples if key not in blind.blind)
    for key, answer in ((first, "sport"), (second, "politics"), (shown, "sport")):
        blind.tool.submit(key, {"topic": answer, "places": []})
    blind.settle()
    blind.turns(3)
    assert compared(blind) == {
        first: (blind.generation, True), second: (blind.generation, False), shown: (None, None)
    }  # fmt: skip
    assert not blind.blind & blind.tool.shown.keys()


def test_what_may_have_been_learnt_is_not_compared(blind: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, *_ = sorted(blind.blind)
    for key in (first, second):
        blind.tool.submit(key, {"topic": "politics", "places": []})
    blind.settle()
    blind.turns(3)
    assert compared(blind) == dict.fromkeys((first, second), (blind.generation, False))
    asked: list[Any] = []
    monkeypatch.setattr(unseen.showing, "answers", lambda *given: asked.append(given))
    blind.tool.submit(first, {"topic": "sport"})
    blind.tool.submit(second, {"topic": "sport"}, annotator="another")
    blind.settle()
    blind.turns(3)
    with blind.database.session() as session:
        query = select(Label).where(Label.question == "topic").order_by(Label.event_id)
        found = [(one.example_key, one.unseen_version, one.unseen_agrees) for one in session.scalars(query)]
    assert found == [(second, blind.generation, False), (first, "", None), (second, "", None)]
    assert asked == []


def test_it_waits_for_a_web_process_and_asks_only_where_there_are_new_labels(
    blind: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key, *_) = sorted(blind.blind)
    blind.web.up = False
    blind.tool.submit(key, {"topic": "sport"})
    blind.turns(10)
    assert compared(blind) == {key: (None, None)}
    blind.web.up = True
    blind.turns(3)
    assert compared(blind) == {key: (blind.generation, True)}
    asked: list[Any] = []
    monkeypatch.setattr(unseen, "_pending", lambda *given: asked.append(given))
    blind.turns(5)
    assert asked == []
