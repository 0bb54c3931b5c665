"""What the benchmark of idle projects counts belongs to the part of the loop that executed it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from benchmarks.loop_parts import Spent
from labelwheel.backend.database.engine import Database
from labelwheel.backend.worker.main import Worker


def test_a_statement_and_its_time_belong_to_the_innermost_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database, spent, spun = Database(f"sqlite:///{tmp_path / 'a.db'}"), Spent(), [0.0]
    monkeypatch.setattr("benchmarks.loop_parts.time.thread_time", lambda: spun[0])

    def ask(count: int) -> None:
        spun[0] += count
        with database.glance() as connection:
            for _ in range(count):
                connection.execute(text("SELECT 1"))

    def outer() -> None:
        ask(2)
        spent._in("inner", ask, 200)
        ask(1)

    real = Worker._attend
    with spent.watched():
        assert Worker._attend is not real
        ask(1)
        spent._in("outer", outer)
    assert Worker._attend is real
    assert spent.statements == {"outer": 3, "inner": 200}
    assert spent.calls == {"outer": 1, "inner": 1}
    assert spent.cpu == {"outer": 3.0, "inner": 200.0}
    spent.clear()
    assert not spent.statements
    database.dispose()
