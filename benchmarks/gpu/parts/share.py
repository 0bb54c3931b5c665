"""Serving beside training on one card: the latency of single texts alone, and while a job trains, held back and not.

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
    """Alone, beside jobs that hold back and that do not, and alone again: what drifts would be seen."""
    part = Part.asked("share")
    seconds = 0.4 if part.is_small else 20.0
    with tempfile.TemporaryDirectory(prefix="labelwheel-check-") as scratch:
        stage = Stage(Path(scratch), part.device)
        stage.promote()
        latencies(stage, seconds / 3)
        alone = latencies(stage, seconds)
        beside, ended = dict[bool, np.ndarray](), dict[bool, list[int]]()
        for held_back in (True, False):
            with stage.training(held_back) as codes:
                beside[held_back] = latencies(stage, seconds)
            ended[held_back] = codes
        again = latencies(stage, seconds)
        stage.close()
    runs = {"alone": alone, "beside": beside[True], "beside_unrestrained": beside[False], "alone_again": again}
    tails = {name: float(np.quantile(each, 0.99)) for name, each in runs.items()}
    usual = max(tails["alone"], tails["alone_again"])
    figures = {f"p50_{name}_ms": round(1e3 * float(np.median(each)), 2) for name, each in runs.items()}
    figures |= {f"p99_{name}_ms": round(1e3 * tail, 2) for name, tail in tails.items()}
    ratio = tails["beside"] / usual
    figures |= {"times_alone": round(ratio, 2)}
    figures |= {"times_alone_unrestrained": round(tails["beside_unrestrained"] / usual, 2)}
    figures |= {"jobs_ended": len(ended[True]), "jobs_ended_unrestrained": len(ended[False])}
    broken = ["a training job failed"] if any(ended[True] + ended[False]) else []
    return part.end(figures, [Goal(f"p99 beside a job at most {MOST:g} × alone", ratio <= MOST)], broken)


if __name__ == "__main__":
    sys.exit(main())
