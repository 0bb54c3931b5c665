"""The order between two backfills: it follows the newest heads, and costs a tool few changes."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from labelwheel.backend.database.tables import ExampleRow, HeadRow
from labelwheel.backend.ledger import shown_order
from labelwheel.backend.projects import generations, projects
from labelwheel.backend.suggestions import reordering
from tests.backend.world import World


class Sure:
    """A web process that is as sure of each example as `scores` says."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.scores: dict[str, float] = {}
        self.asked: list[int] = []
        self.silent: set[str] = set()
        self._real = world.web.suggest
        monkeypatch.setattr(world.web, "suggest", self.suggest)
        monkeypatch.setattr(reordering, "EVERY_SECONDS", 0.0)

    def suggest(self, number: int, examples: list[dict[str, Any]], version: str | None = None) -> dict[str, Any]:
        self.asked.append(len(examples))
        answer = self._real(number, examples, version)
        for each in answer["suggestions"]:
            each["predictions"]["topic"]["score"] = self.scores.get(each["key"], 0.5)
            if each["key"] in self.silent:
                each["predictions"] = {}
        return answer


@pytest.fixture
def sure(world: World, monkeypatch: pytest.MonkeyPatch) -> Sure:
    found = Sure(world, monkeypatch)
    world.settings = world.settings.model_copy(update={"first_round": 1000, "order": "uncertain"})
    world.start()
    world.tool.add(*(f"word{number}" for number in range(60)))
    found.scores = {str(number): number / 100 for number in range(1, 61)}
    world.connect()
    world.settle()
    assert world.tool.ranked[:3] == ["1", "2", "3"]
    world.tool.calls.clear()
    found.asked.clear()
    return found


def taken_in(world: World) -> list[str]:
    with world.database.session() as session:
        return list(session.scalars(select(ExampleRow.key)))


def revise(world: World) -> str:
    """Newer heads, as the fast lane has them served."""
    with world.database.transaction() as tx:
        project = projects.lock(tx, 1)
        question = projects.question(tx, 1, "topic")
        head = HeadRow(
            question_id=question.id, version=f"head-{len(world.tool.work)}", champion_id=question.champion_id,
            content=b"", label_count=1, last_event_id=0, details={},
        )  # fmt: skip
        tx.add(head)
        tx.flush()
        made = generations.revise(tx, project, {"topic": head.id})
        assert made is not None
        return made.name


def test_what_no_model_reads_is_not_put_first_by_newer_heads(world: World, sure: Sure) -> None:
    """It is asked about like all others, and nothing is said: that is no doubt."""
    world.tool.add(" \n", "word " * 5_000)
    world.until(lambda: len(taken_in(world)) == 62)
    sure.silent = {"61", "62"}
    sure.asked.clear()
    revise(world)
    world.until(lambda: 62 in sure.asked)
    world.turns(3)
    assert world.tool.ranked[:2] == ["1", "2"]
    assert sure.silent.isdisjoint(world.tool.ranked)


def test_newer_heads_order_anew_what_is_taken_next(world: World, sure: Sure) -> None:
    sure.scores |= {"40": 0.02, "50": 0.001}
    world.turns(3)
    assert world.tool.ranked[:2] == ["1", "2"], "without newer heads nothing is asked"
    assert sure.asked == []
    revise(world)
    world.turns(3)
    assert world.tool.ranked[:4] == ["50", "1", "40", "2"]
    assert sorted(world.tool.ranked, key=int) == [str(number) for number in range(1, 61)]
    assert world.tool.calls.count("rank") == 1, "an order that is shown is not shown again"


def kept(world: World) -> list[tuple[str, float, list[str]]]:
    """The order that is kept."""
    with world.database.session() as session:
        found = shown_order.read(session, 1)
    assert found is not None
    return [(each.key, each.score, list(each.answers)) for each in found.examples]


def test_each_order_is_kept_as_it_is_shown(world: World, sure: Sure) -> None:
    assert [key for key, _, _ in kept(world)] == world.tool.ranked
    assert kept(world)[:2] == [("1", 0.01, ["topic sport"]), ("2", 0.02, ["topic sport"])]
    sure.scores |= {"50": 0.001}
    revise(world)
    world.turns(3)
    assert [key for key, _, _ in kept(world)] == world.tool.ranked
    assert kept(world)[:2] == [("50", 0.001, ["topic sport"]), ("1", 0.01, ["topic sport"])]


def test_only_the_first_change_places(world: World, sure: Sure) -> None:
    before = list(world.tool.ranked)
    sure.scores |= {"50": 0.001}
    revise(world)
    world.turns(3)
    after = world.tool.ranked
    assert after[:20] == ["50", *before[:19]]
    assert after[20:] == [key for key in before[20:] if key != "50"] + [before[19]]


def test_what_is_labelled_has_no_place(world: World, sure: Sure) -> None:
    for key in ("1", "7"):
        world.tool.submit(key, {"topic": "sport"})
    world.turns(3)
    revise(world)
    world.turns(3)
    assert world.tool.ranked[:2] == ["2", "3"]
    assert not {"1", "7"} & set(world.tool.ranked)


def test_after_a_restart_the_first_by_lot_are_ordered(
    world: World, sure: Sure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reordering, "BY_LOT", 10)
    world.start()
    revise(world)
    world.turns(3)
    assert 10 in sure.asked
    assert len(world.tool.ranked) == 10
    assert world.tool.ranked == sorted(world.tool.ranked, key=int)


def test_heads_that_are_not_served_yet_are_waited_for(world: World, sure: Sure) -> None:
    world.web.up = False
    revise(world)
    world.turns(2)
    assert "rank" not in world.tool.calls
    world.web.up = True
    world.turns(3)
    assert world.tool.calls.count("rank") == 1


@pytest.mark.parametrize("order", ["random", "typical"])
def test_an_order_that_goes_by_no_answers_stays(world: World, sure: Sure, order: str) -> None:
    world.settings = world.settings.model_copy(update={"order": order})
    world.start()
    revise(world)
    world.turns(3)
    assert "rank" not in world.tool.calls
