"""The order in which examples help most, and that a tool that can show it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import pytest

from labelwheel.backend.suggestions.ordering import ORDERS, RANKED, Order, show
from labelwheel.plugins.capabilities import Candidate
from labelwheel.plugins.connector import Connector
from labelwheel.plugins.errors import ToolUnreachable
from tests.backend.world import World


def candidate(unsure: float, key: str, text: str, answers: str = "topic a") -> Candidate:
    return Candidate(key=key, text=text, score=1.0 - unsure, answers=tuple(answers.splitlines()))


def keys(order: Order) -> Callable[..., list[str]]:
    """The order, by keys alone."""
    return lambda *arguments: [each.key for each in order(*arguments)]


@pytest.mark.parametrize("name", ORDERS)
def test_every_order_has_each_once_and_in_bounded_memory(name: Any) -> None:
    many = [candidate(number / 5000, str(number), f"word{number}", f"topic {number}") for number in range(5000)]
    order = keys(ORDERS[name])
    found = order(iter(many), RANKED)
    assert len(found) == len(set(found)) == RANKED
    assert order(iter(many[:7]), RANKED) != []
    assert sorted(order(iter(many[:7]), RANKED)) == [str(number) for number in range(7)]
    assert order(iter([]), RANKED) == []


@pytest.mark.parametrize("name", ORDERS)
def test_how_candidates_come_makes_no_difference(name: Any) -> None:
    many = [candidate(0.5, str(number), f"word{number}", f"topic {number}") for number in range(300)]
    assert ORDERS[name](many, RANKED) == ORDERS[name](reversed(many), RANKED)


def test_a_tool_that_can_show_an_order_has_it_after_each_backfill(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {"1": 0.9, "2": 0.3, "3": 0.6, "4": 0.2, "5": 0.5}
    real = world.web.suggest

    def suggest(number: int, examples: list[dict[str, Any]], version: str | None = None) -> dict[str, Any]:
        answer = real(number, examples)
        for each in answer["suggestions"]:
            each["predictions"]["topic"]["score"] = scores.get(each["key"], 0.5)
        return answer

    monkeypatch.setattr(world.web, "suggest", suggest)
    world.tool.add("apples", "pears", "plums", "grapes", "cherries")
    world.connect()
    world.settle()
    assert world.tool.ranked == ["4", "3", "2", "1", "5"]  # the first and the third by how unsure, the others by lot
    world.label(4)  # the next version is promoted, and looks at the one that is left
    world.until(lambda: len(world.checkpoints) == 2)
    world.settle()
    assert world.tool.ranked == ["5"]


def test_what_no_model_reads_is_not_what_people_are_to_do_next() -> None:
    """A tool shows an empty suggestion with the score 0: nothing was less sure, and it stood first."""

    class Shelf:
        ranked: Sequence[str] = ()

        def candidates(self) -> Iterator[Candidate]:
            yield candidate(1.0, "1", "")
            yield candidate(1.0, "2", " \n")
            yield candidate(1.0, "4", "a text of many words")
            yield candidate(0.9, "5", "another of many words, of which a question reads one")
            yield candidate(0.4, "3", "a text")

        def rank(self, keys: Sequence[str]) -> None:
            self.ranked = keys

    shelf = Shelf()
    shown = show(cast(Connector, shelf), "uncertain", max_characters=10)
    assert [each.key for each in shown or ()] == list(shelf.ranked) == ["5", "3"]


def test_a_tool_that_can_show_none_is_asked_for_none(world: World, plain_tools: None) -> None:
    world.tool.add("one", "two")
    world.connect()
    world.settle()
    assert world.project.problem is None


def test_an_order_that_could_not_be_shown_is_shown_later(world: World) -> None:
    world.tool.failing["rank"] = ToolUnreachable("away")
    world.tool.add("one", "two")
    world.connect()
    world.until(lambda: "rank" in world.tool.calls)
    world.tool.failing.clear()
    world.settle()
    assert sorted(world.tool.ranked) == ["1", "2"]
