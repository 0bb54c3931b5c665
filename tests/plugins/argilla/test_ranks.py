"""How an order is shown: numbers in the metadata, beside whatever else stands there."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from labelwheel.plugins.argilla.client import Client
from labelwheel.plugins.argilla.dataset import Dataset
from labelwheel.plugins.argilla.ranks import PROPERTY, RankedRecords, numbered
from tests.plugins.argilla.test_layout import asked, layout

ID = "6f0e7d5c-0000-4000-8000-000000000001"


class Server(Client):
    """An Argilla with a few records, whose metadata can be changed."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        super().__init__("http://tool.test", SecretStr("key"))
        self.rows = {row["id"]: {"fields": {"text": row["id"]}, "status": "pending", **row} for row in rows}
        self.sent: list[dict[str, Any]] = []
        self.scans = 0

    def ask(self, method: str, path: str, *, attempts: int | None = None, **arguments: Any) -> Any:
        if path.endswith("/records/search"):
            wanted = arguments["json"]["filters"]["and"][0]["values"]
            return {"items": [{"record": self.rows[key]} for key in wanted if key in self.rows]}
        params = arguments["params"]
        self.scans += params["offset"] == 0
        return {"items": list(self.rows.values())[params["offset"] :][: params["limit"]]}

    def send(self, method: str, path: str, body: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        self.sent += body["items"]
        for item in body["items"]:
            self.rows[item["id"]]["metadata"] = {k: v for k, v in item["metadata"].items() if v is not None}

    @property
    def ranks(self) -> dict[str, Any]:
        return {key: row["metadata"][PROPERTY] for key, row in self.rows.items() if PROPERTY in row["metadata"]}


def suggestion(value: Any, score: Any, question: str = "q") -> dict[str, Any]:
    return {"question_id": question, "value": value, "score": score}


@pytest.fixture
def server() -> Server:
    return Server(
        [
            {"id": "a", "metadata": {PROPERTY: 1, "source": "mail"}, "suggestions": [suggestion("x", 0.5)]},
            {"id": "b", "metadata": {"source": "web"}, "suggestions": [suggestion(["x"], [0.9, 0.2], "z"),
                                                                       suggestion(3, 0.4, "id-topic")]},
            {"id": "c", "metadata": {PROPERTY: 2}, "suggestions": [suggestion("x", None)]},
            {"id": "d", "metadata": {PROPERTY: 3}, "suggestions": [suggestion("x", 0.1)], "status": "completed"},
            {"id": "e", "metadata": {}, "suggestions": []},
        ]
    )  # fmt: skip


def ranked(server: Server, ordered: bool = True) -> RankedRecords:
    dataset = Dataset(server, "d")
    dataset._id, dataset._layout = ID, layout(asked("topic", "label_selection", ["a", "b"]))
    return RankedRecords(dataset, ordered)


def test_candidates_are_pending_and_as_sure_as_their_least_sure_part(server: Server) -> None:
    found = list(ranked(server).candidates())
    assert [(one.key, one.score, one.answers) for one in found] == [("a", 0.5, ("q x",)), ("b", 0.2, ("topic 3",))]
    assert [one.text for one in found] == ["a", "b"]


@pytest.mark.parametrize("looked", [True, False])
def test_an_order_replaces_the_one_before_and_nothing_else(server: Server, looked: bool) -> None:
    place = ranked(server)
    if looked:
        list(place.candidates())
    place.rank(["b", "a"])
    assert server.ranks == {"b": 1, "a": 2}
    assert server.rows["a"]["metadata"]["source"] == "mail"
    assert server.rows["b"]["metadata"]["source"] == "web"
    assert {item["id"] for item in server.sent} == {"a", "b", "c", "d"}
    assert server.scans == 1, "what a look at the candidates told is not read again"
    server.sent.clear()
    place.rank(["b", "a"])
    assert server.sent == [], "what is as it should be is not written"
    place.rank([])
    assert server.ranks == {}


def test_without_a_place_for_it_there_is_no_order(server: Server) -> None:
    place = ranked(server, ordered=False)
    assert list(place.candidates()) == place.first() == []
    place.rank(["b"])
    assert (server.sent, server.scans) == ([], 0)


def test_no_more_get_a_rank_than_can_be_written() -> None:
    server = Server([{"id": f"r{number}", "metadata": {}, "suggestions": []} for number in range(300)])
    ranked(server).rank(list(server.rows))
    assert sorted(server.ranks.values()) == list(range(1, 201))


@pytest.mark.parametrize("seed", range(200))
def test_numbers_rise_and_as_few_as_can_be_change(seed: int) -> None:
    draw = random.Random(seed)
    keys = [str(number) for number in range(draw.randint(0, 7))]
    present = dict(zip(keys, draw.sample(range(1, 15), len(keys)), strict=True))
    for key in draw.sample(keys, len(keys) // 3):
        del present[key]
    found = numbered(keys, present)
    numbers = [found[key] for key in keys]
    assert numbers == sorted(set(numbers))
    assert all(number >= 1 for number in numbers)
    kept = sum(present.get(key) == number for key, number in found.items())
    possible = (
        len(some)
        for size in range(len(keys), -1, -1)
        for some in itertools.combinations(range(len(keys)), size)
        if all(keys[place] in present for place in some) and fits([(place, present[keys[place]]) for place in some])
    )
    assert kept >= next(possible)


def fits(kept: list[tuple[int, int]]) -> bool:
    return all(
        number - before >= place - there for (there, before), (place, number) in itertools.pairwise([(-1, 0), *kept])
    )


def test_an_order_that_changed_little_costs_few_writes(server: Server) -> None:
    for number in range(60):
        server.rows[str(number)] = {"id": str(number), "fields": {}, "status": "pending", "metadata": {}}
    ranks = ranked(server)
    first = [str(number) for number in range(60)]
    ranks.rank(first)
    server.sent.clear()
    scans = server.scans
    ranks.rank(["50", *first[:50], *first[51:]])
    assert [key for key, _ in sorted(server.ranks.items(), key=lambda each: each[1])][:3] == ["50", "0", "1"]
    assert (len(server.sent), server.scans) == (51, scans)
    server.sent.clear()
    ranks.rank(["57", "50", *first[:18], *first[19:50], *first[51:57], *first[58:], "18"])
    assert len(server.sent) == 21, "the first twenty, and the one that had to make room"
