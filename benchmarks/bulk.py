"""`labelwheel predict` on a long file: texts a second against the raw engine, and memory that has to stay flat.

    python -m benchmarks.bulk [--lines 20000] [--tokens 12]

The command runs as people run it, in a process of its own, while its memory and the lines of its output are noted. Both
are fitted by a straight line, so that a part of a file says what a million lines would do.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.common import machine, save
from benchmarks.engines.checkpoint import Texts, make
from benchmarks.engines.raw import Raw
from labelwheel.backend.serving.cores import available
from labelwheel.backend.serving.engines.onnx import OnnxEngine
from labelwheel.training.checkpoints import checkpoint

BATCHES = (4, 16, 32)
WARM = 0.3
"""So much of the run is left out of the fits: the model is loaded, and buffers find their size."""

CHUNKS = 8
"""So often the output has to have grown by then: it does so by a thousand lines, and few such steps say little."""

Sample = tuple[float, int, float]
"""Seconds, lines of output, megabytes."""


def watched(command: list[str], out: Path) -> list[Sample]:
    """Runs a command to its end; ends this process too where it fails."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    began, found, lines = time.monotonic(), list[Sample](), 0
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    watch, place = psutil.Process(process.pid), 0
    while process.poll() is None:
        if out.exists():
            with out.open("rb") as file:
                file.seek(place)
                piece = file.read()
            place, lines = place + len(piece), lines + piece.count(b"\n")
        try:
            found.append((time.monotonic() - began, lines, watch.memory_info().rss / 1e6))
        except psutil.Error:
            break
        time.sleep(0.25)
    if process.wait():
        assert process.stderr is not None
        sys.exit(process.stderr.read())
    return found


def fitted(samples: list[Sample], lines: int) -> dict[str, float]:
    """Lines a second, and megabytes in a million lines more, from the warm part of a run."""
    warm = np.array([sample for sample in samples if WARM * lines < sample[1] < lines]).reshape(-1, 3)
    if len(np.unique(warm[:, 1])) < CHUNKS:
        sys.exit("the run was too short to be measured: give more --lines")
    rate = float(np.polyfit(warm[:, 0], warm[:, 1], 1)[0])
    slope = float(np.polyfit(warm[:, 1], warm[:, 2], 1)[0]) * 1e6
    return {"rate": rate, "mb_per_million": slope, "mb": float(warm[:, 2].max())}


def raw_rate(raws: list[Raw], texts: Texts, tokens: int, count: int) -> float:
    """The raw engine as it is best, at its best batch."""
    return max(count / raw.seconds(texts.many(tokens, count), batch) for raw in raws for batch in BATCHES)


def main() -> int:
    """Run, print the table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--tokens", type=int, default=12)
    arguments = parser.parse_args()
    console, tokens, lines = Console(highlight=False), arguments.tokens, arguments.lines
    with tempfile.TemporaryDirectory(prefix="labelwheel-bench-") as scratch:
        console.print("a checkpoint …")
        folder, source, out = (
            make(Path(scratch) / "checkpoints"),
            Path(scratch) / "in.jsonl",
            Path(scratch) / "out.jsonl",
        )
        raws = [Raw(OnnxEngine(available(), per_batch), folder) for per_batch in (1, available())]
        texts = Texts(raws[0].model._tokenizer)  # type: ignore[attr-defined]
        source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts.many(tokens, lines)), "utf-8")
        count = max(64, min(2000, 24_000 // tokens))
        rates = [raw_rate(raws, texts, tokens, count)]
        console.print(f"{lines:,} lines …")
        command = [sys.executable, "-m", "labelwheel.backend.cli", "predict", str(source), "--out", str(out)]
        samples = watched([*command, "--checkpoint", str(folder)], out)
        rates.append(raw_rate(raws, texts, tokens, count))
        assert sum(1 for _ in out.open("rb")) == lines
        entry = checkpoint.read(folder).manifest.artefact
    found = fitted(samples, lines)
    record: dict[str, Any] = {
        "machine": machine() | {"load": os.getloadavg()}, "lines": lines, "tokens": tokens,
        "precision": entry.precision if entry else None, "raw_rates": rates, **found,
        "of_raw": found["rate"] / float(np.mean(rates)), "samples": samples,
    }  # fmt: skip
    table = Table(title=f"{lines:,} texts of {tokens} tokens, {record['precision']}")
    for name in ("", "figure", "to reach"):
        table.add_column(name, justify="left" if not name else "right")
    table.add_row("texts a second", f"{found['rate']:,.0f}", "")
    table.add_row("the raw engine before and after", " ".join(f"{rate:,.0f}" for rate in rates), "")
    table.add_row("of the raw engine", f"{record['of_raw']:.2f}", "≥ 0.9")
    table.add_row("memory, MB", f"{found['mb']:,.0f}", "")
    table.add_row("memory in a million lines more, MB", f"{found['mb_per_million']:+,.0f}", "flat")
    console.print(table)
    console.print(f"kept in {save('bulk', record)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
