"""The check for a machine with a GPU: every part runs small without one, and what goes wrong is told."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import check
from benchmarks.gpu.parts import report, swap


@pytest.mark.slow
@pytest.mark.parametrize("part", [part for part in check.PARTS if part != "tests"])  # whose loop is run here anyway
def test_each_part_runs_small_on_a_cpu(part: str) -> None:
    command = [sys.executable, str(check.ROOT / "benchmarks/gpu/check.py"), "--part", part, "--device", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert (told["part"], told["device"], told["verdict"]) == (part, "cpu", "small"), line
    assert done.returncode == 0


def test_a_bundle_is_unpacked_beside_the_repository(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "carried.py").write_text("WORD = 'site'\n")
    with zipfile.ZipFile(tmp_path / "wheels" / "packed-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("packed.py", "WORD = 'wheel'\n")
    code = "import packed, carried, labelwheel.training; print(packed.WORD, carried.WORD, labelwheel.training.__file__)"
    with check.environment(tmp_path) as found:
        told = subprocess.run(
            [sys.executable, "-c", code], env=found, capture_output=True, text=True, check=True
        ).stdout
    assert told.split()[:2] == ["wheel", "site"]
    assert found["LABELWHEEL_DATA"] == str(tmp_path / "data")
    assert found["HF_HUB_OFFLINE"] == "1"


def test_a_part_that_hangs_or_breaks_has_failed_and_says_why() -> None:
    with check.environment(None) as found:
        late = check.run("memory", "cpu", 0.01, found)
        broken = check.run("nonsense", "cpu", 5, found)
    assert late == {
        "part": "memory", "device": "cpu", "verdict": "failed", "reason": "it did not end within 0.01 minutes",
    }  # fmt: skip
    assert broken["verdict"] == "failed"
    assert "No module named benchmarks.gpu.parts.nonsense" in str(broken["reason"])


def test_a_goal_counts_on_a_card_alone_and_a_fault_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    goals = [report.Goal("twice as fast", False)]
    part = report.Part("swap", "cpu", 5)
    part.end({"answers": 3}, goals)
    part.end({}, goals, ["two answers were wrong"])
    small, failed = map(json.loads, capsys.readouterr().out.splitlines())
    assert small == {"verdict": "small", "answers": 3}
    assert failed == {"verdict": "failed", "reason": "two answers were wrong"}


class FakeStage:
    """Serves what `said` tells: the generation that is announced, the one that answers, and its answers."""

    def __init__(self, said: tuple[str, str, dict[str, Any]]) -> None:
        self.rows = [{"text": f"text {number}"} for number in range(200)]
        self.said = said

    def truth(self, texts: list[str]) -> dict[str, list[str]]:
        return {"names": ["sun"] * len(texts), "turned": ["rain"] * len(texts)}

    def announced(self) -> str:
        return self.said[0]

    def ask(self, text: str) -> tuple[str, dict[str, Any]]:
        time.sleep(0.001)
        if isinstance(self.said[2], Exception):
            raise self.said[2]
        return self.said[1:]


@pytest.mark.parametrize(
    ("announced", "answered", "answers", "fault"),
    [
        ("g2-turned", "g2-turned", {"topic": "rain", "again": "rain"}, None),
        ("g1-names", "g2-turned", {"topic": "rain", "again": "rain"}, None),
        ("g2-turned", "g2-turned", {"topic": "sun", "again": "sun"}, "wrong"),
        ("g2-turned", "g2-turned", {"topic": "rain", "again": "sun"}, "mixed"),
        ("g2-turned", "g1-names", {"topic": "sun", "again": "sun"}, "stale"),
        ("g2-turned", "", OSError("gone"), "failed"),
    ],
)
def test_the_swap_counts_each_fault(announced: str, answered: str, answers: Any, fault: str | None) -> None:
    clients = swap.Clients(FakeStage((announced, answered, answers)), 2)  # type: ignore[arg-type]
    until = time.monotonic() + 30
    while not clients.answers and not clients.faults and time.monotonic() < until:
        time.sleep(0.01)
    clients.stop()
    assert set(clients.faults) == ({fault} if fault else set())
    assert (clients.answers > 0) == (fault != "failed")
