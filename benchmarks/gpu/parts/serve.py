"""Single texts and many, short and long: ours with CUDA graphs and without, the raw engine, and others' loops.

Goals: 3 times the texts a second of a pipeline's loop, and half of them for a single text at most twice as long as the
card computes. A loop over sentence-transformers, which only embeds, is there where that is installed.
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
from benchmarks.engines.raw import InProcess, Raw, examples
from benchmarks.gpu.kernel_time import kernel_time
from benchmarks.gpu.parts.report import Goal, Part
from benchmarks.gpu.stage import VERSIONS, Stage
from labelwheel.backend.serving.engines.pytorch import TorchEngine
from labelwheel.training import encoders

TIMES, KERNELS = 3.0, 2.0
LENGTHS = (12, 250)


class Served:
    """One checkpoint behind three ways to ask: ours, ours without graphs, and the bare engine."""

    def __init__(self, folder: Path, device: str) -> None:
        self.raw = Raw(self._plain(device), folder)
        self.ways = {
            "single_ms": InProcess(TorchEngine(device), folder),
            "single_without_graphs_ms": InProcess(self._plain(device), folder),
            "single_raw_ms": self.raw,
        }
        self.service: InProcess = self.ways["single_ms"]  # type: ignore[assignment]

    @staticmethod
    def _plain(device: str) -> TorchEngine:
        return TorchEngine(device, recorder=lambda device: None)

    def figures(self, texts: Texts, length: int, single: int, many: int) -> dict[str, Any]:
        """Milliseconds of a single text each way, taking turns, and texts a second of many at once, at one length."""
        for text in texts.many(length, 5):
            for way in self.ways.values():
                way.answer([text])
        took: dict[str, list[float]] = {name: [] for name in self.ways}
        for _ in range(single):
            for (name, way), text in zip(self.ways.items(), texts.many(length, len(self.ways)), strict=True):
                took[name].append(_seconds(way.answer, [text]))
        model = self.service.model
        alone = model.encode(model.question, examples(texts.many(length, 1)))
        kernels = kernel_time(model.encoder, alone, min(single, 50))
        rate = many / _seconds(self.service.answer, texts.many(length, many))
        return {name: _ms(float(np.median(seconds))) for name, seconds in took.items()} | {
            "kernels_ms": _ms(kernels.seconds),
            "kernels_of": kernels.of,
            "times_kernels": round(float(np.median(took["single_ms"])) / kernels.seconds, 2),
            "texts_per_second": round(rate),
            "raw_in_batches": round(many / self.raw.seconds(texts.many(length, many), 32)),
        }

    def graphs(self) -> list[str]:
        """The shapes that are replayed."""
        recorded = self.service.model.encoder.recorded  # type: ignore[attr-defined]
        return [f"{rows}x{length}" for rows, length in recorded.shapes] if recorded else []

    def close(self) -> None:
        for way in self.ways.values():
            if isinstance(way, InProcess):
                way.close()


def embedding_rate(device: str, texts: list[str]) -> float | str:
    """Texts a second of sentence-transformers in a loop, with the embedded encoder; why not, where it is not there."""
    try:
        from sentence_transformers import SentenceTransformer

        loop = SentenceTransformer(encoders.locate(None), device=device, local_files_only=True)
        for text in texts[:5]:
            loop.encode(text, show_progress_bar=False)
        began = time.perf_counter()
        for text in texts:
            loop.encode(text, show_progress_bar=False)
        return round(len(texts) / (time.perf_counter() - began))
    except Exception as error:  # it is not ours to run; the pipeline's loop is there in any case
        return f"not run: {type(error).__name__}: {str(error)[:100]}"


def main() -> int:
    """Each length by itself."""
    part = Part.asked("serve")
    single, many = (3, 16) if part.is_small else (300, 4000)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="labelwheel-check-") as scratch:
        stage = Stage(Path(scratch), part.device)
        stage.close()
        folder = stage.folder / VERSIONS[0]
        served = Served(folder, part.device)
        texts = Texts(served.raw.model._tokenizer)
        for length in LENGTHS:
            told = served.figures(texts, length, single, many)
            few = max(many // 10, 8)
            loop = pipeline_rate(folder, part.device, texts.many(length, few))
            told |= {"pipeline_loop": round(loop), "times_pipeline": round(told["texts_per_second"] / loop, 2)}
            told["sentence_transformers_loop"] = embedding_rate(part.device, texts.many(length, few))
            found[f"{length} tokens"] = told
        graphs = served.graphs()
        served.close()
    goals = [
        Goal(f"{TIMES:g} × the pipeline's loop at {name}", each["times_pipeline"] >= TIMES)
        for name, each in found.items()
    ] + [
        Goal(f"a single text of {name} within {KERNELS:g} × its kernels", each["times_kernels"] <= KERNELS)
        for name, each in found.items()
    ]
    return part.end({**found, "graphs": graphs}, goals)


def _ms(seconds: float) -> float:
    return round(1e3 * seconds, 3)


def _seconds(ask: Any, texts: list[str]) -> float:
    began = time.perf_counter()
    ask(texts)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
