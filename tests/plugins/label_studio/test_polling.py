"""Polling against tasks in memory that answer the Data Manager's queries."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from labelwheel.plugins.connector import Page
from labelwheel.plugins.errors import ToolError, ToolFailed
from labelwheel.plugins.label_studio import listing, polling, pushing
from labelwheel.plugins.label_studio.annotations import moment
from labelwheel.plugins.label_studio.client import Client
from labelwheel.plugins.label_studio.layout import read
from labelwheel.plugins.label_studio.project import FULL, Project

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Tasks(Project):
    """A project whose tasks are in memory.

    `bad` ones make Label Studio fail when they are to be shown whole, `torn` ones whenever they are on a page.
    """

    layout = read('<View><Text name="t" value="$t"/><Rating name="r" toName="t"/></View>')

    def __init__(self) -> None:
        super().__init__(Client("http://tool.test", SecretStr("key")), "1")
        self.at: dict[int, datetime] = {}
        self.bad: set[int] = set()
        self.torn: set[int] = set()
        self.down = False
        self.calls = 0

    def touch(self, task: int, seconds: float) -> None:
        self.at[task] = BEGIN + timedelta(seconds=seconds)

    def tasks(
        self,
        *filters: Any,
        order: str = "tasks:id",
        size: int = 100,
        include: str = FULL,
        page: int = 1,
        only: Any = None,
        attempts: int | None = None,
    ) -> list[dict[str, Any]]:
        self.calls += 1
        found = [(task, at) for task, at in self.at.items() if only is None or task in only]
        for one in filters:
            if not one["filter"].endswith((":id", ":updated_at")):
                continue  # none has annotations or predictions
            key = (lambda item: item[0]) if one["filter"].endswith(":id") else (lambda item: item[1])
            value = one["value"] if one["filter"].endswith(":id") else moment(one["value"])
            keep = {
                "greater": lambda a, b: a > b,
                "greater_or_equal": lambda a, b: a >= b,
                "equal": lambda a, b: a == b,
            }[one["operator"]]
            found = [item for item in found if keep(key(item), value)]
        found.sort(key=(lambda item: item[1]) if "updated" in order else (lambda item: item[0]))
        shown = found[(page - 1) * size : page * size]
        if page > 1 and not shown:
            error = ToolError("Label Studio answered with 404: Invalid page.")
            error.http_status = 404
            raise error
        if self.down or ((self.bad if include == FULL else set()) | self.torn) & {task for task, _ in shown}:
            raise ToolFailed("Label Studio answered with 500: 'NoneType' object is not iterable")
        return [
            {"id": task, "data": {"t": "x"}, "updated_at": polling.stamp(at), "annotations": []} for task, at in shown
        ]


def read_all(tasks: Tasks, cursor: str | None) -> tuple[list[str], str | None]:
    refreshed: list[str] = []
    for page in polling.poll(tasks, cursor):
        refreshed += page.refreshed
        cursor = page.cursor
        assert len(cursor) < 12_000
        assert len(page.examples) <= 100
    return refreshed, cursor


def test_only_what_changed_is_read() -> None:
    tasks = Tasks()
    assert read_all(tasks, None) == ([], None)
    for task in range(1, 1001):
        tasks.touch(task, task / 1000)
    refreshed, cursor = read_all(tasks, None)
    assert refreshed == [str(task) for task in range(1, 1001)]
    tasks.calls = 0
    assert read_all(tasks, cursor) == ([], cursor)
    assert tasks.calls == 1
    tasks.touch(5, 2)
    tasks.touch(1001, 0.99)
    refreshed, cursor = read_all(tasks, cursor)
    assert refreshed == ["1001", "5"], "a change that became visible late is read too"
    assert read_all(tasks, cursor)[0] == []


def test_thousands_at_one_moment_survive_an_interruption() -> None:
    tasks = Tasks()
    for task in range(1, 3001):
        tasks.touch(task, 7)
    pages = polling.poll(tasks, None)
    seen: set[str] = set()
    for _ in range(13):
        page = next(pages)
        seen |= set(page.refreshed)
    rest, cursor = read_all(tasks, page.cursor)
    assert len(seen | set(rest)) == 3000
    assert read_all(tasks, cursor)[0] == []


def test_a_task_that_goes_while_it_is_read_is_gone() -> None:
    tasks = Tasks()
    tasks.touch(1, 1)
    tasks.touch(2, 2)
    whole = tasks.tasks

    def fickle(*filters: Any, only: Any = None, **more: Any) -> list[dict[str, Any]]:
        if only:
            tasks.at.pop(1, None)
        return whole(*filters, only=only, **more)

    tasks.tasks = fickle  # type: ignore[method-assign]
    (page,) = polling.poll(tasks, None)
    assert (page.refreshed, page.gone) == (("2",), ("1",))


def test_tasks_are_fetched_by_their_ids_alone() -> None:
    tasks = Tasks()
    for task in range(1, 251):
        tasks.touch(task, 1)
    tasks.bad = {3}
    found = polling.fetch(tasks, ["2", "3", "999", "2", "nobody's", "-1", "²", "0", "9" * 400, ""])
    assert (found.refreshed, found.gone, [one.key for one in found.aside]) == (("2",), ("999",), ["3"])
    assert polling.fetch(tasks, ["", "x"]) == Page()
    many = polling.fetch(tasks, [str(task) for task in range(101, 300)])
    assert many.refreshed == tuple(str(task) for task in range(101, 251)), "page by page: none is gone by a limit"
    assert many.gone == tuple(str(task) for task in range(251, 300))
    tasks.down = True
    with pytest.raises(ToolError):
        polling.fetch(tasks, ["2"])


def test_a_sweep_resumes() -> None:
    tasks = Tasks()
    for task in range(1, 251):
        tasks.touch(task, 1)
    first, *_ = polling.sweep(tasks, None)
    assert len(first.examples) == 100
    rest = [key for page in polling.sweep(tasks, first.cursor) for key in page.refreshed]
    assert rest == [str(task) for task in range(101, 251)]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0, 0, 0.5, 30])), min_size=1, max_size=30), max_size=8
    ),
    st.integers(2, 7),
)
def test_every_change_is_read_in_the_end(bursts: list[list[tuple[int, float]]], seen: int) -> None:
    tasks, cursor, now = Tasks(), None, 0.0
    original = polling.SEEN
    polling.SEEN = seen
    try:
        for burst in bursts:
            last = {}
            for task, pause in burst:
                now += pause
                tasks.touch(task, now)
                last[task] = now
            now += 0.001
            refreshed, cursor = read_all(tasks, cursor)
            assert {int(key) for key in refreshed} >= set(last)
            assert read_all(tasks, cursor)[0] == []
            assert cursor is not None
            assert len(json.loads(cursor)["seen"]) <= seen
    finally:
        polling.SEEN = original


def test_a_task_that_breaks_the_tool_is_set_aside_and_the_rest_is_read(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()
    for task in range(1, 251):
        tasks.touch(task, task / 1000)
    tasks.bad = {7, 8, 150}
    good = {str(task) for task in range(1, 251)} - {"7", "8", "150"}
    for walk in (polling.poll(tasks, None), polling.sweep(tasks, None)):
        pages = list(walk)
        assert {key for page in pages for key in page.refreshed} == good
        assert {one.key: one.named for page in pages for one in page.aside} == {"7": True, "8": True, "150": True}
        assert all("NoneType" in one.reason for page in pages for one in page.aside)
        assert not any(page.gone for page in pages)
    assert sum("set aside" in line for line in caplog.messages) == 3, "each is named once"
    assert {one.key for page in pushing.waiting(ordered(tasks), "v2", None) for one in page.examples} == good
    tasks.bad = {7}
    assert {key for page in polling.sweep(tasks, None) for key in page.refreshed} == good | {"8", "150"}


def test_a_poll_goes_on_behind_a_task_that_breaks_the_tool() -> None:
    tasks = Tasks()
    tasks.touch(1, 1)
    tasks.bad = {1}
    (page,) = polling.poll(tasks, None)
    assert ([one.key for one in page.aside], page.refreshed) == (["1"], ())
    tasks.touch(2, 2)
    assert read_all(tasks, page.cursor)[0] == ["2"]


def test_a_tool_that_breaks_down_as_a_whole_sets_nothing_aside() -> None:
    tasks = Tasks()
    tasks.touch(1, 1)
    tasks.down = True
    with pytest.raises(ToolError):
        list(polling.sweep(tasks, None))
    tasks.down, tasks.bad = False, {1}
    whole = tasks.tasks

    def dying(*filters: Any, **more: Any) -> list[dict[str, Any]]:
        try:
            return whole(*filters, **more)
        finally:
            tasks.down = more.get("only") == [1]

    tasks.tasks = dying  # type: ignore[method-assign]
    with pytest.raises(ToolError):
        list(polling.sweep(tasks, None))


@pytest.mark.parametrize("torn", [{1}, {7, 8}, {250}, {100, 101}, {3, 150, 249, 250}])
def test_a_task_that_cannot_even_be_listed_is_found_out_and_set_aside(torn: set[int]) -> None:
    tasks = Tasks()
    for task in range(1, 251):
        tasks.touch(task * 3, task / 1000)  # other projects have the ids between
    tasks.torn = {task * 3 for task in torn}
    good = {str(task) for task in tasks.at if task not in tasks.torn}
    pages = list(polling.sweep(tasks, None))
    assert {key for page in pages for key in page.refreshed} == good
    assert {one.key for page in pages for one in page.aside} == {str(task) for task in tasks.torn}
    assert not any(page.gone for page in pages)
    refreshed, cursor = read_all(tasks, None)
    assert set(refreshed) == good
    tasks.touch(999, 90)
    assert read_all(tasks, cursor)[0] == ["999"], "what changes is read as ever"
    assert {one.key for page in pushing.waiting(ordered(tasks), "v2", None) for one in page.examples} == good | {"999"}
    tasks.torn = set()
    assert {int(key) for page in polling.sweep(tasks, None) for key in page.refreshed} == set(tasks.at), "it is mended"


def test_what_cannot_be_listed_at_one_moment_with_hundreds_is_left_to_the_sweep() -> None:
    tasks = Tasks()
    for task in range(1, 1001):
        tasks.touch(task, 7)
    tasks.torn = {1, 400, 401, 1000}
    assert {int(key) for key in read_all(tasks, None)[0]} == set(tasks.at) - tasks.torn


def test_nothing_is_swept_past_a_task_that_has_no_name() -> None:
    tasks = Tasks()
    tasks.touch(1, 1)
    tasks.touch(2 + listing.GAP, 1)
    tasks.torn = {2 + listing.GAP}
    with pytest.raises(ToolFailed, match="from 2 on"):
        list(polling.sweep(tasks, None))


def test_a_tool_that_can_list_hardly_anything_is_broken() -> None:
    tasks = Tasks()
    for task in range(1, 101):
        tasks.touch(task, 1)
    tasks.torn = set(range(1, 101))
    for walk in (polling.sweep, polling.poll):
        tasks.calls = 0
        with pytest.raises(ToolFailed):
            list(walk(tasks, None))
        assert tasks.calls < 60


def test_what_is_halved_is_bounded() -> None:
    tasks = Tasks()
    for task in range(1, 101):
        tasks.touch(task, 1)
    tasks.bad = {50}
    tasks.calls = 0
    list(polling.sweep(tasks, None))
    assert tasks.calls < 25


def ordered(tasks: Tasks) -> Tasks:
    tasks.get = lambda: {"sampling": "Sequential sampling"}  # type: ignore[method-assign]
    return tasks
