"""Polling against tasks in memory that answer the Data Manager's queries."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.label_studio import polling
from plugins.label_studio.annotations import moment
from plugins.label_studio.layout import read

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Tasks:
    """Stands where Project does."""

    layout = read('<View><Text name="t" value="$t"/><Rating name="r" toName="t"/></View>')

    def __init__(self) -> None:
        self.at: dict[int, datetime] = {}
        self.calls = 0

    def touch(self, task: int, seconds: float) -> None:
        self.at[task] = BEGIN + timedelta(seconds=seconds)

    def tasks(
        self, *filters: Any, order: str = "tasks:id", size: int = 100, include: str = "", only: Any = None
    ) -> list[dict[str, Any]]:
        self.calls += 1
        found = [(task, at) for task, at in self.at.items() if only is None or task in only]
        for one in filters:
            key = (lambda item: item[0]) if one["filter"].endswith(":id") else (lambda item: item[1])
            value = one["value"] if one["filter"].endswith(":id") else moment(one["value"])
            keep = {
                "greater": lambda a, b: a > b,
                "greater_or_equal": lambda a, b: a >= b,
                "equal": lambda a, b: a == b,
            }[one["operator"]]
            found = [item for item in found if keep(key(item), value)]
        found.sort(key=(lambda item: item[1]) if "updated" in order else (lambda item: item[0]))
        return [
            {"id": task, "data": {"t": "x"}, "updated_at": polling.stamp(at), "annotations": []}
            for task, at in found[:size]
        ]


def read_all(tasks: Tasks, cursor: str | None) -> tuple[list[str], str | None]:
    refreshed: list[str] = []
    for page in polling.poll(tasks, cursor):  # type: ignore[arg-type]
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
    pages = polling.poll(tasks, None)  # type: ignore[arg-type]
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
    listing = tasks.tasks

    def fickle(*filters: Any, only: Any = None, **more: Any) -> list[dict[str, Any]]:
        if only:
            tasks.at.pop(1, None)
        return listing(*filters, only=only, **more)

    tasks.tasks = fickle  # type: ignore[method-assign]
    (page,) = polling.poll(tasks, None)  # type: ignore[arg-type]
    assert (page.refreshed, page.gone) == (("2",), ("1",))


def test_a_sweep_resumes() -> None:
    tasks = Tasks()
    for task in range(1, 251):
        tasks.touch(task, 1)
    first, *_ = polling.sweep(tasks, None)  # type: ignore[arg-type]
    assert len(first.examples) == 100
    rest = [key for page in polling.sweep(tasks, first.cursor) for key in page.refreshed]  # type: ignore[arg-type]
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
