"""Memory that runs out, and memory that comes back.

Goals: a batch that does not fit is answered in halves, and a step of training is taken in halves (the tests of that
hold); after many promotions what torch's allocator has reserved is back where it was, with the pools of CUDA graphs.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.gpu.parts.report import Goal, Part
from benchmarks.gpu.stage import Stage

TESTS = ("tests/training/test_memory.py",)
SLACK_MB = 64
"""What may stay: blocks that the allocator keeps at hand."""
CRAMPED_MB = 64
"""What is left of a card's memory while it is short."""


def held(device: str) -> float:
    """Megabytes: what torch's allocator has reserved on a card; of a CPU what the process has."""
    gc.collect()
    if not device.startswith("cuda"):
        return float(psutil.Process().memory_info().rss / 2**20)
    import torch

    torch.cuda.empty_cache()
    return float(torch.cuda.memory_reserved(device) / 2**20)


@contextmanager
def cramped(stage: Stage) -> Iterator[list[int]]:
    """A device on which a large batch does not fit: a card's memory is limited, a CPU only says so.

    Yields the sizes of the batches that a CPU has refused.
    """
    import torch

    if stage.device.startswith("cuda"):
        _, total = torch.cuda.mem_get_info(stage.device)
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(
            (torch.cuda.memory_reserved(stage.device) + CRAMPED_MB * 2**20) / total
        )
        try:
            yield []
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        return

    refused: list[int] = []

    def refuse(module: Any, positional: Any, named: dict[str, Any]) -> None:
        if len(named["input_ids"]) > 1:
            refused.append(len(named["input_ids"]))
            raise torch.OutOfMemoryError("out of memory, as a card would say")

    hook = stage.module().register_forward_pre_hook(refuse, with_kwargs=True)
    try:
        yield refused
    finally:
        hook.remove()


def main() -> int:
    """The tests, then promotions, with a few answers by each; without a card they are the suite's alone."""
    part = Part.asked("memory")
    failed = "" if part.is_small else _failures()
    promotions = 3 if part.is_small else 50
    with tempfile.TemporaryDirectory(prefix="labelwheel-check-") as scratch:
        stage = Stage(Path(scratch), part.device)
        for _ in range(2):  # both checkpoints have been there once
            stage.promote()
            stage.ask(stage.rows[0]["text"])
        before = held(part.device)
        for _ in range(promotions):
            stage.promote()
            for row in stage.rows[:20]:
                stage.ask(row["text"])
        after = held(part.device)
        long = [" ".join([row["text"]] * 4) for row in stage.rows[: 12 if part.is_small else 400]]
        with cramped(stage) as refused:
            version, answers = stage.ask_all(long)
        wanted = stage.truth(long)[version.partition("-")[2]]
        wrong = sum(one != other for one, other in zip(answers, wanted, strict=True))
        stage.close()
    figures = {
        "promotions": promotions,
        "before_mb": round(before),
        "after_mb": round(after),
        "asked_while_short": len(long),
        "wrong": wrong,
    }
    broken = [f"{wrong} of {len(long)} answers were wrong while memory was short"] if wrong else []
    broken += ["no batch was refused, so nothing was seen"] if part.is_small and not refused else []
    broken += [failed] if failed else []
    return part.end(figures, [Goal(f"no more than {SLACK_MB} MB stay", after - before <= SLACK_MB)], broken)


def _failures() -> str:
    """What the tests of memory that runs out say on a card; empty where they pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    tested = subprocess.run(command, capture_output=True, text=True)
    return f"tests failed: {tested.stdout[-1500:]}" if tested.returncode else ""


if __name__ == "__main__":
    sys.exit(main())
