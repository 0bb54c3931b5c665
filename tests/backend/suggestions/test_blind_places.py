"""Blind examples in an order: at their share, by lot, and nothing is shown for them anywhere."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.backend.ledger import shown_order
from labelwheel.backend.suggestions.blind_places import BlindPlaces, read
from labelwheel.plugins.capabilities import Candidate
from labelwheel.plugins.connector import Suggestion
from tests.backend.world import World

SHARE = 0.2


def test_they_take_the_places_that_bring_their_share() -> None:
    places = BlindPlaces(("b1", "b2", "b3"), share=0.25, given=0, labelled=0)
    assert places.among(list("cdefghij"), 20) == ["b1", *"cde", "b2", *"fgh", "b3", *"ij"]
    behind = BlindPlaces(("b1", "b2"), share=0.25, given=0, labelled=7)
    assert behind.among(list("cdefg"), 20) == ["c", "b1", "d", "b2", *"efg"], "they are late, but never in a row"
    ahead = BlindPlaces(("b1",), share=0.25, given=5, labelled=10)
    assert ahead.among(list("cde"), 20) == [*"cde", "b1"]
    assert places.among(list("cdefghij"), 4) == ["b1", *"cde"]
    assert BlindPlaces().among(list("cde"), 20) == list("cde")


def test_no_order_by_answers_sees_them() -> None:
    candidates = [Candidate(key=key, text="", score=0.0) for key in ("a", "b1")]
    assert [each.key for each in BlindPlaces(("b1",)).without(candidates)] == ["a"]


@pytest.fixture
def blind(world: World) -> World:
    world.begin_blind(SHARE, order="uncertain")
    return world


def test_a_backfill_asks_nobody_about_them_and_shows_nothing(blind: World) -> None:
    hidden = blind.blind
    assert 3 <= len(hidden) <= 25
    assert blind.tool.shown.keys() == set(blind.tool.examples) - hidden


def test_what_a_tool_shows_for_them_of_ours_is_taken_away(blind: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (key, *_) = sorted(blind.blind)
    example = blind.tool.examples[key]
    blind.tool.shown[key] = Suggestion(example=example, version="lw-1-1-old", predictions={})
    asked: list[str] = []
    real = blind.web.suggest

    def suggest(number: int, examples: list[dict[str, Any]], version: str | None = None) -> dict[str, Any]:
        asked.extend(each["key"] for each in examples)
        return real(number, examples, version)

    monkeypatch.setattr(blind.web, "suggest", suggest)
    blind.tool.add("one more text, so that a backfill begins")
    blind.settle()
    assert key not in blind.tool.shown
    assert asked
    assert not set(asked) & blind.blind


def test_they_have_places_by_lot_and_are_reached(blind: World) -> None:
    hidden = blind.blind
    placed = [key for key in blind.tool.ranked if key in hidden]
    with blind.database.session() as session:
        kept = shown_order.read(session, 1)
        assert kept is not None
        assert [one.key for one in kept.examples] == [key for key in blind.tool.ranked if key not in hidden]
        assert placed == list(read(session, 1, SHARE).waiting)
    for count in range(1, 11):
        key = blind.tool.ranked[0]
        blind.tool.submit(key, {"topic": "sport"})
        blind.tool.add(f"{chr(97 + count) * 20}")  # with a backfill, and so an order, of its own
        blind.settle()
    given = [work.example for work in blind.tool.work.values()]
    share = sum(key in blind.blind for key in given) / len(given)
    assert share == SHARE
    with blind.database.session() as session:
        found = read(session, 1, SHARE)
    assert (found.labelled, found.given) == (10, round(share * 10))
