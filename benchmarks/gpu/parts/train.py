"""An epoch of fine-tuning: ours against transformers.Trainer as the stock text examples use it, in one run.

Goals: 3 times the stock loop at MiniLM's size, and 40 % of the card's bfloat16 peak at the size of a BERT base.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common import jsonl
from benchmarks.engines.figures import Figure
from benchmarks.engines.gpu import operations, peak
from benchmarks.gpu.parts.report import Goal, Part
from benchmarks.gpu.training import BACKWARD, SIZES, made, ours, stock
from demo import messages

TIMES, SHARE = 3.0, 0.4
_MINI, _BASE = list(SIZES)[:2]


def rows(count: int) -> list[dict[str, Any]]:
    """SNIPS where its folder is known, else the demo's messages: texts with their labels."""
    data = os.environ.get("LABELWHEEL_DATA")
    if data:
        return jsonl(Path(data) / "snips" / "train.jsonl")[:count]
    return [{"text": row["text"], "label": row["topic"]} for row in messages.rows()][:count]


def main() -> int:
    """Each encoder until the time is up; the largest comes last."""
    part = Part.asked("train")
    given, repeats = rows(16 if part.is_small else 1000), 1 if part.is_small else 3
    top = None if part.is_small else peak(part.device)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="labelwheel-check-") as scratch:
        for place, (name, size) in enumerate(list(SIZES.items())[: 1 if part.is_small else None]):
            if found and part.left < 60:
                break
            base = made(size, Path(scratch) / str(place))
            theirs = [stock(base, given, part.device) for _ in range(repeats)][-2:]
            runs = [ours(base, given, part.device, 16 if part.is_small else 64) for _ in range(repeats)][-2:]
            seconds, (_, problem, config) = Figure.of([run[0] for run in runs]).median, runs[0]
            lengths = [len(each.input_ids) for each in problem.encodings]
            found[name] = {
                "examples_per_second": round(len(given) / seconds, 1),
                "tokens_per_second": round(sum(lengths) / seconds),
                "times_stock": round(Figure.of(theirs).median / seconds, 2),
                "share_of_peak": round(BACKWARD * operations(config, lengths) / seconds / top, 4) if top else None,
            }
    goals = [Goal(f"{TIMES:g} × the stock loop at MiniLM's size", found[_MINI]["times_stock"] >= TIMES)]
    if not part.is_small:
        share = found.get(_BASE, {}).get("share_of_peak") or 0.0
        goals.append(Goal(f"{SHARE:.0%} of the peak at the size of a BERT base", share >= SHARE))
    return part.end({"encoders": found}, goals)


if __name__ == "__main__":
    sys.exit(main())
