"""Single texts and many, short and long: ours against the raw engine in a loop and a plain pipeline in a loop.

Goal: 3 times the texts a second of the pipeline's loop.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engines.checkpoint import Texts
from benchmarks.engines.gpu import pipeline_rate
from benchmarks.engines.raw import InProcess, Raw
from benchmarks.gpu.parts.report import Goal, Part
from benchmarks.gpu.stage import VERSIONS, Stage
from labelwheel.backend.serving.engines.pytorch import TorchEngine

TIMES = 3.0
LENGTHS = (12, 250)


def figures(raw: Raw, service: InProcess, texts: Texts, length: int, single: int, many: int) -> dict[str, float]:
    """Milliseconds of a single text, and texts a second of many at once, at one length."""
    for text in texts.many(length, 5):
        raw.answer([text])
        service.answer([text])
    alone: dict[str, list[float]] = {"raw": [], "ours": []}
    for one, other in zip(texts.many(length, single), texts.many(length, single), strict=True):
        alone["raw"].append(_seconds(raw.answer, [one]))
        alone["ours"].append(_seconds(service.answer, [other]))
    rate = many / _seconds(service.answer, texts.many(length, many))
    return {
        "single_ms": round(1e3 * float(np.median(alone["ours"])), 2),
        "single_raw_ms": round(1e3 * float(np.median(alone["raw"])), 2),
        "texts_per_second": round(rate),
        "raw_in_batches": round(many / raw.seconds(texts.many(length, many), 32)),
    }


def main() -> int:
    """Each length by itself."""
    part = Part.asked("serve")
    single, many = (3, 16) if part.is_small else (300, 4000)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="labelwheel-check-") as scratch:
        stage = Stage(Path(scratch), part.device)
        stage.close()
        folder = stage.folder / VERSIONS[0]
        raw, service = Raw(TorchEngine(part.device), folder), InProcess(TorchEngine(part.device), folder)
        texts = Texts(raw.model._tokenizer)
        for length in LENGTHS:
            told = figures(raw, service, texts, length, single, many)
            loop = pipeline_rate(folder, part.device, texts.many(length, max(many // 10, 8)))
            told |= {"pipeline_loop": round(loop), "times_pipeline": round(told["texts_per_second"] / loop, 2)}
            found[f"{length} tokens"] = told
        service.close()
    goals = [
        Goal(f"{TIMES:g} × the pipeline's loop at {name}", each["times_pipeline"] >= TIMES)
        for name, each in found.items()
    ]
    return part.end(found, goals)


def _seconds(ask: Any, texts: list[str]) -> float:
    began = time.perf_counter()
    ask(texts)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
