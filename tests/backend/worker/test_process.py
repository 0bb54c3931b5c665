"""The worker as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]


@contextmanager
def worker(**environment: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "labelwheel.backend.worker"], cwd=ROOT, text=True, stderr=subprocess.PIPE,
        env={**os.environ, **{f"LABELWHEEL_{name}": value for name, value in environment.items()}},
    )  # fmt: skip
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stderr.readline, "")))  # type: ignore[union-attr]
    reader.start()
    try:
        yield process, lines
    finally:
        process.kill()
        process.wait()
        reader.join()


def said(lines: list[str], text: str, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not any(text in line for line in lines):
        assert time.monotonic() < deadline, lines
        time.sleep(0.05)


def test_it_starts_on_nothing_survives_a_kill_and_ends_on_sigterm(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    with worker(HOME=home) as (process, lines):
        said(lines, "the worker is running")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with worker(HOME=home) as (process, lines):
        said(lines, "the worker is running")  # at once: the one before certainly is no more
        assert not any("another worker" in line for line in lines)
        process.terminate()
        assert process.wait(60) == 0


def test_a_database_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    with worker(HOME=str(tmp_path / "home"), DATABASE="nonsense://x") as (process, lines):
        assert process.wait(90) == 1
        said(lines, "LABELWHEEL_DATABASE cannot be used")
    assert len(lines) == 1
