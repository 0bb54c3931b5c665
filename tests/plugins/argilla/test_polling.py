"""Polling and sweeping against records in memory, some of which make Argilla itself fail."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from labelwheel.plugins.argilla.client import Client, Missing, Rejected
from labelwheel.plugins.argilla.dataset import Dataset
from labelwheel.plugins.argilla.polling import Poller, fetch, sweep
from labelwheel.plugins.argilla.ranks import RankedRecords
from labelwheel.plugins.connector import Page
from labelwheel.plugins.errors import ToolError, ToolFailed
from tests.plugins.argilla.test_layout import asked, layout

ID = "6f0e7d5c-0000-4000-8000-000000000001"


class Server(Client):
    """An Argilla with one dataset; `bad` records cannot be shown whole, `worse` ones not at all."""

    def __init__(self, count: int) -> None:
        super().__init__("http://tool.test", SecretStr("key"))
        self.records = [f"r{number}" for number in range(count)]
        self.bad: set[str] = set()
        self.worse: set[str] = set()
        self.late: set[str] = set()  # not in the index yet
        self.down = False
        self.broken: ToolError = ToolFailed("Argilla answered with 500: Internal Server Error")
        self.moved = 0
        self.calls: list[str] = []

    def ask(self, method: str, path: str, *, attempts: int | None = None, **arguments: Any) -> Any:
        self.calls.append(f"{method} {path}")
        if self.down:
            raise ToolFailed("500")
        params = arguments.get("params") or {}
        if path.endswith("/progress"):
            return {"total": len(self.records), "completed": 0, "pending": len(self.records)}
        if path == f"/datasets/{ID}":
            return {"id": ID, "name": "d", "last_activity_at": str(self.moved)}
        if path.endswith("/records/search"):
            wanted = arguments["json"]["filters"]["and"][0]["values"]
            assert len(wanted) <= 250
            indexed = [key for key in wanted if key not in self.late]
            return {"items": [{"record": row} for row in self._rows(indexed, True)]}
        if path.startswith("/records/"):
            key = path.removeprefix("/records/")
            if not key.startswith("r"):
                raise Rejected(f"{key} is no UUID")
            if key not in self.records:
                raise Missing(f"Argilla has nothing at {path}")
            return self._rows([key], False)[0]
        if path.endswith("/records"):
            chosen = self.records[params["offset"] : params["offset"] + params["limit"]]
            return {"items": self._rows(chosen, bool(params["include"]))}
        raise AssertionError(path)

    def _rows(self, keys: list[str], whole: bool) -> list[dict[str, Any]]:
        here = [key for key in keys if key in self.records]
        if self.worse & set(here) or (whole and self.bad & set(here)):
            raise self.broken
        return [{"id": key, "fields": {"text": key}, "dataset_id": ID, "responses": []} for key in here]


@pytest.fixture
def server() -> Server:
    return Server(450)


@pytest.fixture
def dataset(server: Server) -> Dataset:
    found = Dataset(server, "d")
    found._id, found._layout = ID, layout(asked("topic", "label_selection", ["a", "b"]))
    return found


def keys(pages: list[Page]) -> set[str]:
    return {key for page in pages for key in page.refreshed}


@pytest.mark.parametrize("broken", [ToolFailed("500"), Rejected("Invalid isoformat string: 'torn'")])
def test_a_record_that_breaks_argilla_is_set_aside_and_the_rest_is_read(
    server: Server, dataset: Dataset, caplog: pytest.LogCaptureFixture, broken: ToolError
) -> None:
    server.broken = broken
    server.bad = {"r0", "r199", "r200", "r449"}
    good = set(server.records) - server.bad
    for listing in (Poller(dataset).poll(None), sweep(dataset, None)):
        pages = list(listing)
        assert keys(pages) == good
        assert {one.key for page in pages for one in page.aside} == server.bad
        assert all(one.named for page in pages for one in page.aside)
        assert not any(page.gone for page in pages)
    assert sum("set aside" in line for line in caplog.messages) == 4
    server.bad = set()
    assert keys(list(sweep(dataset, None))) == set(server.records)


def test_a_record_without_even_a_name_is_set_aside_by_its_place(server: Server, dataset: Dataset) -> None:
    server.worse = {"r7"}
    pages = list(sweep(dataset, None))
    assert keys(pages) == set(server.records) - {"r7"}
    assert [(one.key, one.named) for page in pages for one in page.aside] == [("#7", False)]


def test_a_listing_that_is_broken_as_a_whole_is_no_fault_of_the_records(server: Server, dataset: Dataset) -> None:
    server.worse = set(server.records)
    with pytest.raises(ToolError):
        list(sweep(dataset, None))
    server.worse, server.down = set(), True
    with pytest.raises(ToolError):
        list(sweep(dataset, None))


def test_what_is_gone_is_asked_for_together(server: Server, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelwheel.plugins.argilla.polling.REST", 0.0)
    poller = Poller(dataset)
    first = list(poller.poll(None))
    server.records, server.moved = server.records[:10] + server.records[430:], 1
    server.bad = {"r5"}
    server.calls.clear()
    pages = list(poller.poll(first[-1].cursor))
    assert {key for page in pages for key in page.gone} == {f"r{number}" for number in range(10, 430)}
    assert [one.key for page in pages for one in page.aside] == ["r5"]
    searches = [call for call in server.calls if call.endswith("/search")]
    assert len(searches) == 2, "420 deleted records, 250 a call"
    assert not [call for call in server.calls if call.startswith("GET /records/")]


def test_records_are_fetched_by_their_ids_alone(server: Server, dataset: Dataset) -> None:
    server.bad, server.late = {"r5"}, {"r9"}
    found = fetch(dataset, ["r2", "r5", "r9", "r999", "r2", "nobody's", "../me", ""])
    assert (found.refreshed, found.gone, found.aside) == (("r2",), ("r999",), ())
    assert not [call for call in server.calls if ".." in call]
    server.calls.clear()
    assert fetch(dataset, [f"r{number}" for number in range(100, 200)]).gone == ()
    assert len(server.calls) == 1
    server.down = True
    with pytest.raises(ToolError):
        fetch(dataset, ["r2"])


def test_a_record_that_a_listing_missed_is_not_gone(server: Server, dataset: Dataset) -> None:
    poller = Poller(dataset)
    first = list(poller.poll(None))
    server.moved, poller._again = 1, 0.0
    scan = dataset.scan

    def missing(*arguments: Any) -> Any:
        for listing in scan(*arguments):
            yield listing._replace(rows=[row for row in listing.rows if row["id"] != "r3"])

    dataset.scan = missing  # type: ignore[method-assign]
    assert not any(page.gone for page in poller.poll(first[-1].cursor))


def test_an_order_that_argilla_fails_to_give_stops_nothing(server: Server, dataset: Dataset) -> None:
    dataset.first = lambda *_: _fail()  # type: ignore[method-assign]
    assert RankedRecords(dataset, True).first() == []


def _fail() -> Any:
    raise ToolFailed("500")


def test_a_value_that_changes_is_read_again_and_a_rank_of_ours_is_not(server: Server, dataset: Dataset) -> None:
    said: dict[str, dict[str, Any]] = {"r3": {"source": "web"}}
    real = server._rows

    def rows(keys: list[str], whole: bool) -> list[dict[str, Any]]:
        return [{**row, "metadata": said.get(row["id"])} for row in real(keys, whole)]

    server._rows = rows  # type: ignore[method-assign]
    poller = Poller(dataset)
    list(poller.poll(None))
    for changed, expected in (({"labelwheel_rank": 1}, set()), ({"source": "mail"}, {"r3"})):
        said["r3"] |= changed
        server.moved += 1
        poller._again = 0.0
        pages = list(poller.poll("before"))
        assert {one.key for page in pages for one in page.examples} == expected
    assert pages[0].examples[0].columns == {"source": "mail"}
