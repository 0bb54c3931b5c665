"""What comes next is explained while nothing else is to be done, and what cannot be had is passed over."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from labelwheel.backend.database.tables import Label
from labelwheel.backend.errors import ServiceUnreachable
from labelwheel.backend.suggestions import reasons
from labelwheel.plugins.connector import Suggestion
from labelwheel.plugins.errors import ToolUnreachable
from tests.backend.world import World


class Explainer:
    """The web process's explanations, counted; `wait` holds them up, `raises` fails them."""

    def __init__(self, world: World) -> None:
        self.asked: list[str] = []
        self.raises: Exception | None = None
        self.may = threading.Event()
        self.may.set()
        self._real = world.web.explain
        world.web.explain = self.explain  # type: ignore[method-assign]

    def explain(self, number: int, question: str, key: str | None = None, *, idle: bool = False) -> dict[str, Any]:
        assert idle, "people who ask for suggestions go first"
        self.asked.append(str(key))
        self.may.wait(30)
        if self.raises is not None:
            raise self.raises
        return self._real(number, question, key)


@pytest.fixture
def explainer(world: World, monkeypatch: pytest.MonkeyPatch) -> Explainer:
    monkeypatch.setattr(reasons, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(reasons, "PAUSE_SECONDS", 0.0)
    world.settings = world.settings.model_copy(update={"explain": True, "first_round": 1000})
    world.start()
    found = Explainer(world)
    world.tool.add(*(f"word number {number}" for number in range(30)))
    world.connect()
    world.settle()
    return found


def explained(world: World) -> list[str]:
    return [key for key, one in world.tool.shown.items() if one.reasons]


def labels(world: World) -> int:
    with world.database.session() as session:
        return session.query(Label).count()


def test_the_next_ones_are_explained_and_no_more(world: World, explainer: Explainer) -> None:
    world.until(lambda: len(explained(world)) >= reasons.AHEAD)
    world.turns(30)
    assert len(explained(world)) <= 2 * reasons.AHEAD
    assert len(explainer.asked) == len(set(explainer.asked)) == len(explained(world))
    [reason] = world.tool.shown["1"].reasons["topic"]
    assert (reason.item, [word.text for word in reason.words]) == ("sport", ["word"])
    world.tool.submit("1", {"topic": "sport"})
    world.until(lambda: len(explained(world)) > reasons.AHEAD)
    assert world.tool.work["1/ann"].answers == {"topic": "sport"}


def test_what_is_explained_is_asked_about_no_more(
    world: World, explainer: Explainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.until(lambda: len(explained(world)) >= reasons.AHEAD)
    world.turns(60)
    asked, real = list[int](), world.web.suggest

    def suggest(*given: Any) -> dict[str, Any]:
        asked.append(len(given))
        return real(*given)

    monkeypatch.setattr(world.web, "suggest", suggest)
    world.turns(20)
    assert asked == []
    world.tool.edit("1", "another text")
    world.until(lambda: asked)


def test_labels_are_taken_in_while_an_explanation_takes_its_time(world: World, explainer: Explainer) -> None:
    world.until(lambda: explainer.asked)
    world.until(lambda: len(explained(world)) == len(explainer.asked) >= reasons.AHEAD)
    explainer.may.clear()
    before = len(explainer.asked)
    world.tool.submit("1", {"topic": "politics"})
    world.until(lambda: len(explainer.asked) > before)
    world.tool.submit("2", {"topic": "politics"})
    world.until(lambda: labels(world) == 2)
    explainer.may.set()


@pytest.mark.parametrize("error", [ServiceUnreachable("away"), KeyError("words")])
def test_what_fails_is_tried_again_and_costs_nothing_else(world: World, explainer: Explainer, error: Exception) -> None:
    world.until(lambda: len(explained(world)) >= reasons.AHEAD)
    explainer.raises = error
    before = len(explainer.asked)
    world.tool.submit("1", {"topic": "politics"})
    world.until(lambda: len(explainer.asked) > before)
    world.until(lambda: labels(world) == 1)
    explainer.raises, before = None, len(explained(world))
    for trouble in world.loops[1]._troubles.values():
        trouble.over()
    world.until(lambda: len(explained(world)) > before)


def test_a_tool_that_goes_away_meanwhile_is_told_later(world: World, explainer: Explainer) -> None:
    world.until(lambda: explained(world))
    world.tool.failing["explain"] = ToolUnreachable("away")
    world.turns(10)
    del world.tool.failing["explain"]
    for trouble in world.loops[1]._troubles.values():
        trouble.over()
    world.until(lambda: len(explained(world)) >= reasons.AHEAD)


def test_blind_examples_are_not_explained(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reasons, "EVERY_SECONDS", 0.0)
    world.settings = world.settings.model_copy(update={"explain": True, "first_round": 1000, "blind": 0.5})
    world.start()
    explainer = Explainer(world)
    world.tool.add(*(f"{'abcdefghij'[number % 10] * 5} {number} {number**3}" for number in range(40)))
    world.connect()
    world.settle()
    world.until(lambda: len(explained(world)) >= 3)
    world.turns(40)
    bare = set(world.tool.examples) - set(world.tool.shown)
    assert bare
    assert not bare & set(explainer.asked)


def test_it_is_off_unless_it_is_wanted(world: World) -> None:
    explainer = Explainer(world)
    world.tool.add("one", "two")
    world.connect()
    world.settle()
    world.turns(20)
    assert explainer.asked == []
    assert all(isinstance(one, Suggestion) and not one.reasons for one in world.tool.shown.values())
