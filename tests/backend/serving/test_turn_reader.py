"""Looking at the turn: once for many, never an older look, and nothing where nobody can tell."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from labelwheel.backend.serving.turn_reader import TurnReader


class Row:
    """A project's turn, which takes a while to be read."""

    def __init__(self) -> None:
        self.turn, self.looks = 1, 0
        self.looking, self.go = threading.Semaphore(0), threading.Semaphore(0)

    def look(self, project: int) -> int:
        self.looks += 1
        found = self.turn
        self.looking.release()
        assert self.go.acquire(timeout=10)
        return found


def test_many_share_a_look_that_begins_after_they_asked() -> None:
    row = Row()
    reader = TurnReader(row.look, lambda: False)
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(reader.latest, 1)
        assert row.looking.acquire(timeout=10)
        row.turn = 2  # taken while the first look is on its way
        others = [pool.submit(reader.latest, 1) for _ in range(12)]
        apart = pool.submit(reader.latest, 2)
        assert row.looking.acquire(timeout=10), "another project's look waits for nobody"
        for _ in range(3):
            row.go.release()
        assert first.result(10) == 1
        assert apart.result(10) == 2
        assert {each.result(10) for each in others} == {2}
    assert 3 <= row.looks < 8


def test_alone_nothing_is_read() -> None:
    def look(project: int) -> int:
        raise AssertionError

    assert TurnReader(look, lambda: True).latest(1) is None


def test_while_the_database_is_away_what_is_in_memory_holds(caplog: pytest.LogCaptureFixture) -> None:
    away = True

    def look(project: int) -> int:
        if away:
            raise OSError("gone")
        return 3

    reader = TurnReader(look, lambda: False)
    assert [reader.latest(1) for _ in range(3)] == [None] * 3
    assert len(caplog.records) == 1
    away = False
    assert reader.latest(1) == 3
