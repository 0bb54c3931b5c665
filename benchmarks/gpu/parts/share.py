"""Serving beside training on one card: the latency of single texts alone, and while a job trains.

Goal: the 99th percentile is at most twice what it is alone.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.gpu.parts.report import Goal, Part
from benchmarks.gpu.stage import Stage

MOST = 2.0


def latencies(stage: Stage, seconds: float) -> np.ndarray:
    """Seconds of each of the answers to single texts, one after the other; no text is asked twice."""
    found, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        text = stage.rows[len(found) % len(stage.rows)]["text"]
        began = time.perf_counter()
        stage.ask(f"{text} {time.monotonic_ns()}")
        found.append(time.perf_counter() - began)
    return np.asarray(found)


def main() -> int:
    """Alone, beside a job, and alone again: what drifts would be seen."""
    part = Part.asked("share")
    seconds = 1.5 if part.is_small else 20.0
    with tempfile.TemporaryDirectory(prefix="labelwheel-check-") as scratch:
        stage = Stage(Path(scratch), part.device)
        stage.promote()
        latencies(stage, seconds / 3)
        alone = latencies(stage, seconds)
        with stage.training() as codes:
            beside = latencies(stage, seconds)
        again = latencies(stage, seconds)
        stage.close()
    tails = [float(np.quantile(each, 0.99)) for each in (alone, beside, again)]
    ratio = tails[1] / max(tails[0], tails[2])
    figures = {
        "p50_alone_ms": round(1e3 * float(np.median(alone)), 2),
        "p50_beside_ms": round(1e3 * float(np.median(beside)), 2),
        "p99_alone_ms": round(1e3 * tails[0], 2), "p99_beside_ms": round(1e3 * tails[1], 2),
        "p99_alone_again_ms": round(1e3 * tails[2], 2), "times_alone": round(ratio, 2),
    }  # fmt: skip
    broken = ["a training job failed"] if any(codes) else []
    return part.end(figures, [Goal(f"p99 beside a job at most {MOST:g} × alone", ratio <= MOST)], broken)


if __name__ == "__main__":
    sys.exit(main())
