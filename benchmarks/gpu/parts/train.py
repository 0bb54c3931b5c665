"""An epoch of fine-tuning: ours against transformers.Trainer as the stock text examples use it, in one run; a round.

Goals: 3 times the stock loop at MiniLM's size, 40 % of the card's bfloat16 peak at the size of a BERT base, and a whole
round of 1,000 labels within 10 s, from the start of its process to the checkpoint.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import jsonl
from benchmarks.engines.figures import Figure
from benchmarks.engines.gpu import operations, peak
from benchmarks.gpu.parts.report import Goal, Part
from benchmarks.gpu.training import BACKWARD, SIZES, labelled, made, ours, question_of, stock
from demo import messages
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.spec import JobSpec

TIMES, SHARE, ROUND = 3.0, 0.4, 10.0
BATCHES = (16, 64, 256)
"""What a round with many labels uses, and what a card has room for; a goal is held against the best of them."""

TIMES_STOCK, SHARE_OF_PEAK = KEYS = ("times_stock", "share_of_peak")
_MINI, _BASE = list(SIZES)[:2]


def rows(count: int) -> list[dict[str, Any]]:
    """SNIPS where its folder is known, else the demo's messages: texts with their labels."""
    data = os.environ.get("LABELWHEEL_DATA")
    if data:
        return jsonl(Path(data) / "snips" / "train.jsonl")[:count]
    return [{"text": row["text"], "label": row["topic"]} for row in messages.rows()][:count]


def whole_round(given: list[dict[str, Any]], device: str, folder: Path) -> dict[str, Any]:
    """Seconds of a job with the embedded encoder as a worker starts it, and of what it tried."""
    data, output = folder / "labels.jsonl", folder / "checkpoint"
    data.write_text("".join(row.model_dump_json() + "\n" for row in labelled(given, held_out=5)), "utf-8")
    wanted = JobSpec(
        version="round", question=question_of(given), data=str(data), output=str(output), device=device, artefact=False,
        max_minutes=4.0, threads=1 if device == "cpu" else None,
    )  # fmt: skip
    (folder / "spec.json").write_text(wanted.model_dump_json())
    began = time.perf_counter()
    command = [sys.executable, "-m", "labelwheel.training.job", str(folder / "spec.json")]
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        return {"failed": done.stderr[-1500:]}
    told = json.loads((output / checkpoint.REPORT).read_text("utf-8"))
    tried = {each["name"]: each["seconds"] for each in told["trials"]}
    return {"labels": len(given), "seconds": round(seconds, 1), "tried": tried, "chosen": told["chosen"]}


def epoch(
    base: str | None,
    given: list[dict[str, Any]],
    part: Part,
    batch: int,
    repeats: int,
    theirs: float,
    top: float | None,
) -> dict[str, Any]:
    """Figures of an epoch in batches of one size; `theirs` is the stock loop's seconds, `top` the card's peak."""
    runs = [ours(base, given, part.device, batch) for _ in range(repeats)][-2:]
    seconds, (_, problem, config) = Figure.of([run[0] for run in runs]).median, runs[0]
    lengths = [len(each.input_ids) for each in problem.encodings]
    return {
        "examples_per_second": round(len(given) / seconds, 1),
        "tokens_per_second": round(sum(lengths) / seconds),
        TIMES_STOCK: round(theirs / seconds, 2),
        SHARE_OF_PEAK: round(BACKWARD * operations(config, lengths) / seconds / top, 4) if top else None,
    }


def main() -> int:
    """A round, then each encoder until the time is up; the largest comes last."""
    part = Part.asked("train")
    given, repeats = rows(16 if part.is_small else 1000), 1 if part.is_small else 3
    top = None if part.is_small else peak(part.device)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="labelwheel-check-") as scratch:
        round_ = whole_round(rows(24 if part.is_small else 1000), part.device, Path(scratch))
        for place, (name, size) in enumerate(list(SIZES.items())[: 1 if part.is_small else None]):
            if found and part.left < 60:
                break
            base = made(size, Path(scratch) / str(place))
            theirs = [stock(base, given, part.device) for _ in range(repeats)][-2:]
            found[name] = {
                str(batch): epoch(base, given, part, batch, repeats, Figure.of(theirs).median, top)
                for batch in ((16,) if part.is_small else BATCHES)
            }
    best = {name: {key: max(each[key] or 0.0 for each in by.values()) for key in KEYS} for name, by in found.items()}
    goals = [Goal(f"{TIMES:g} × the stock loop at MiniLM's size", best[_MINI][TIMES_STOCK] >= TIMES)]
    if not part.is_small:
        share = best.get(_BASE, {}).get(SHARE_OF_PEAK, 0.0)
        goals.append(Goal(f"{SHARE:.0%} of the peak at the size of a BERT base", share >= SHARE))
        goals.append(Goal(f"a round of 1,000 labels within {ROUND:g} s", round_.get("seconds", ROUND + 1) <= ROUND))
    broken = [f"the round failed: {round_['failed']}"] if "failed" in round_ else []
    return part.end({"round": round_, "batches": found}, goals, broken)


if __name__ == "__main__":
    sys.exit(main())
