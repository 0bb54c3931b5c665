"""The order in which examples help most, and that a tool that can show it is told."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.backend.suggestions.ordering import considered, order, resemblance
from labelwheel.plugins.capabilities import Candidate
from labelwheel.plugins.errors import ToolUnreachable
from tests.backend.world import World


def candidate(unsure: float, key: str, text: str, answers: str = "topic a") -> Candidate:
    return Candidate(key=key, text=text, score=1.0 - unsure, answers=tuple(answers.splitlines()))


def test_the_least_sure_comes_first_and_its_variants_later() -> None:
    found = order(
        [
            candidate(0.90, "hard", "where is my parcel"),
            candidate(0.89, "variant", "where is my parcel now"),
            candidate(0.60, "other", "my card was refused", "topic b"),
            candidate(0.05, "easy", "thanks", "topic c"),
        ]
    )
    assert found == ["hard", "other", "variant", "easy"]


def test_resemblance_is_of_words_and_answers() -> None:
    one = considered(candidate(0.5, "1", "A, b!"))
    assert resemblance(one, one) == 1.0
    assert resemblance(one, considered(candidate(0.5, "2", "c d", "topic b"))) == 0.0
    assert resemblance(one, considered(candidate(0.5, "2", "c d"))) == 0.5
    assert resemblance(one, considered(candidate(0.5, "2", "b c", "topic b"))) == 1 / 3


def test_equally_unsure_ones_keep_an_order_of_their_own() -> None:
    many = [candidate(0.5, str(number), f"word{number}", f"topic {number}") for number in range(300)]
    assert order(many) == order(list(reversed(many)))
    assert len(order(many)) == 200


def test_of_many_the_least_sure_are_compared_at_all() -> None:
    many = [candidate(number / 5000, str(number), f"word{number}", f"topic {number}") for number in range(5000)]
    assert order(iter(many)) == [str(number) for number in range(4999, 4799, -1)]


def test_a_tool_that_can_show_an_order_has_it_after_each_backfill(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {"1": 0.9, "2": 0.3, "3": 0.6, "4": 0.2, "5": 0.5}
    real = world.web.suggest

    def suggest(number: int, examples: list[dict[str, Any]]) -> dict[str, Any]:
        answer = real(number, examples)
        for each in answer["suggestions"]:
            each["predictions"]["topic"]["score"] = scores.get(each["key"], 0.5)
        return answer

    monkeypatch.setattr(world.web, "suggest", suggest)
    world.tool.add("apples", "pears", "plums", "grapes", "cherries")
    world.connect()
    world.settle()
    assert world.tool.ranked == ["4", "2", "5", "3", "1"]
    world.label(4)  # the next version is promoted, and looks at the one that is left
    world.until(lambda: len(world.checkpoints) == 2)
    world.settle()
    assert world.tool.ranked == ["5"]


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
