"""Figures are kept for as long as counting them is worth, and no longer."""

from __future__ import annotations

import time

import pytest

from labelwheel.backend.database.engine import Database
from labelwheel.backend.views import remembered
from labelwheel.backend.views.remembered import Remembered


class Clock:
    """A count that takes so many seconds of CPU, and the time of day."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cost: float) -> None:
        self.now = self.used = 0.0
        self.counted, self.cost = 0, cost
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "thread_time", lambda: self.used)

    def count(self) -> int:
        self.used += self.cost
        self.counted += 1
        return self.counted


@pytest.mark.parametrize(
    ("cost", "kept"),
    [(0.001, 0.0), (0.0099, 0.0), (0.01, 2.5), (0.08, 20.0), (5.0, remembered.SECONDS)],
)
def test_by_cost_a_figure_is_kept_for_what_counting_it_took(
    database: Database, monkeypatch: pytest.MonkeyPatch, cost: float, kept: float
) -> None:
    kept_figures: Remembered[int] = Remembered(by_cost=True)
    with database.session() as session:
        session.connection()
        clock = Clock(monkeypatch, cost)
        assert kept_figures.get(session, 1, clock.count) == 1
        clock.now = kept * 0.99
        assert kept_figures.get(session, 1, clock.count) == (1 if kept else 2)
        assert kept_figures.get(session, 2, clock.count) == (2 if kept else 3), "that of another project"
        clock.now = kept
        before = clock.counted
        assert kept_figures.get(session, 1, clock.count) == before + 1


def test_otherwise_it_is_kept_for_half_a_minute_or_while_its_mark_is_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_figures: Remembered[int] = Remembered()
    with database.session() as session:
        session.connection()
        clock = Clock(monkeypatch, 0.001)
        for now, mark, found in ((0.0, 7, 1), (29.0, 8, 1), (31.0, 7, 1), (32.0, 8, 2), (61.0, 9, 2), (63.0, 9, 3)):
            clock.now = now
            assert kept_figures.get(session, 1, clock.count, mark) == found, (now, mark)
