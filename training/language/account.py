"""What was spent on language models, by day and project, and what they answered: one file for all processes.

Answers are kept under a hash of what was asked: no prompt lies here. What was answered does, and may quote a text.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from labelwheel.training.errors import LanguageModelFailed

FILE = "language.db"
MOST = 100_000
"""Answers that are kept; the oldest go first."""
_OVER = 1_000  # so many too many before they are looked for
_SCHEMA = """
CREATE TABLE IF NOT EXISTS spent (
    day TEXT, project TEXT, requests INTEGER DEFAULT 0, tokens_in INTEGER DEFAULT 0, tokens_out INTEGER DEFAULT 0,
    money REAL DEFAULT 0, PRIMARY KEY (day, project));
CREATE TABLE IF NOT EXISTS answers (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, said TEXT, sure REAL);
"""


class Spent(NamedTuple):
    """On one day, or on all; money in the unit of the prices."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    money: float = 0.0


class Reserved(NamedTuple):
    """What a request may cost at most, set aside on the day on which it went out."""

    day: str
    money: float


class Account:
    """Any thread and any process may use it. Its methods raise sqlite3.Error where the disk is full or gone."""

    def __init__(self, folder: str | Path) -> None:
        """Raises LanguageModelFailed where the file cannot be used: nothing is asked that nobody counts."""
        path = Path(folder)
        try:
            self._open(path)
        except (OSError, sqlite3.Error) as error:
            raise LanguageModelFailed(
                f"{path / FILE} cannot be used ({error}), so no language model is asked; mend it or take it away"
            ) from error

    def _open(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path / FILE, timeout=30, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.executescript(_SCHEMA)

    def reserve(self, project: str, money: float, budget: float) -> Reserved | None:
        """Sets so much of today's budget aside; None where that would be more than there is."""
        with self._writing() as write:
            if money > 0 and self._today(project).money + money > budget:
                return None
            found = Reserved(_day(), money)
            write.execute(
                "INSERT INTO spent (day, project, money) VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET money = money + excluded.money",
                (found.day, project, money),
            )
        return found

    def settle(self, project: str, reserved: Reserved, spent: Spent) -> None:
        """What it was in the end, in the place of what was set aside: on that day, also where another has begun."""
        with self._writing() as write:
            write.execute(
                "INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "requests = requests + excluded.requests, tokens_in = tokens_in + excluded.tokens_in, "
                "tokens_out = tokens_out + excluded.tokens_out, money = money + excluded.money",
                (
                    reserved.day,
                    project,
                    spent.requests,
                    spent.tokens_in,
                    spent.tokens_out,
                    spent.money - reserved.money,
                ),
            )

    def today(self, project: str) -> Spent:
        """What a project has spent since midnight, UTC."""
        with self._lock:
            return self._today(project)

    def projects(self) -> dict[str, tuple[Spent, Spent]]:
        """By project: of today, and of all days."""
        query = "SELECT project, SUM(requests), SUM(tokens_in), SUM(tokens_out), SUM(money) FROM spent GROUP BY project"
        with self._lock:
            return {
                row[0]: (self._today(row[0]), Spent(*row[1:])) for row in self._connection.execute(query).fetchall()
            }

    def known(self, name: str) -> tuple[str, float | None] | None:
        """What was answered, and how sure it was; None where it was not asked before."""
        with self._lock:
            found = self._connection.execute("SELECT said, sure FROM answers WHERE name = ?", (name,)).fetchone()
        return None if found is None else (found[0], found[1])

    def keep(self, name: str, said: str, sure: float | None) -> None:
        """For the next one who asks the same."""
        with self._writing() as write:
            write.execute("INSERT OR REPLACE INTO answers (name, said, sure) VALUES (?, ?, ?)", (name, said, sure))
            first, last = write.execute("SELECT MIN(id), MAX(id) FROM answers").fetchone()
            if last - first >= MOST + _OVER:
                write.execute("DELETE FROM answers WHERE id <= ?", (last - MOST,))

    def close(self) -> None:
        """Nobody may use it afterwards."""
        self._connection.close()

    def _today(self, project: str) -> Spent:
        query = "SELECT requests, tokens_in, tokens_out, money FROM spent WHERE day = ? AND project = ?"
        found = self._connection.execute(query, (_day(), project)).fetchone()
        return Spent(*found) if found else Spent()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        # what is read to decide has to be true as it is written: two processes must not spend one rest
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _day() -> str:
    return datetime.now(UTC).date().isoformat()
