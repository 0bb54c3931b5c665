"""The encoder on a GPU: tokens a second against the card's matrix peak, and against a plain loop over a pipeline."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.common import machine, save
from benchmarks.engines.checkpoint import Texts, make
from benchmarks.engines.figures import Figure
from benchmarks.engines.raw import examples
from labelwheel.backend.serving.batching import Priority
from labelwheel.backend.serving.engines.pytorch import TorchEngine
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.training.model import Model

_FOREVER = 1e6
_SIDE = 8192


def peak(device: str, seconds: float = 2.0) -> float:
    """Floating-point operations a second of a large product in bfloat16: what the card gives in fact."""
    one, other = (torch.randn(_SIDE, _SIDE, device=device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(5):
        one @ other
    torch.cuda.synchronize()
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        for _ in range(20):
            one @ other
        torch.cuda.synchronize()
        count += 20
    return count * 2 * _SIDE**3 / (time.perf_counter() - began)


def operations(config: Any, lengths: list[int]) -> float:
    """Those of the encoder's products for texts of so many tokens: four projections, the feed-forward, attention."""
    hidden, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    each = 2 * (4 * hidden * hidden + 2 * hidden * inner)
    return float(sum(layers * (length * each + 4 * length * length * hidden) for length in lengths))


def main(arguments: argparse.Namespace, console: Console) -> int:
    """Run, print the table, keep the numbers."""
    device, quick = arguments.device, arguments.quick
    chance = random.Random(13)
    with tempfile.TemporaryDirectory(prefix="labelwheel-bench-") as scratch:
        console.print("a checkpoint …")
        folder = make(Path(scratch), base_model=arguments.base_model)
        engine = TorchEngine(device)
        model = engine.load(folder)
        texts = Texts(model._tokenizer)
        mixed = [texts.many(chance.choice((12, 30, 60, 120, 250)), 1)[0] for _ in range(400)]
        mixed = (mixed * (5 if quick else 25))[: 2000 if quick else 10_000]
        rows = model.encode(model.question, examples(mixed))
        lengths, batches = [len(row.input_ids) for row in rows], list[tuple[int, int, int, float]]()
        queue = InferenceQueue(engine, on_batch=lambda *told: batches.append(told))
        rates = []
        for _ in range(2 if quick else 5):
            batches.clear()
            began = time.perf_counter()
            queue.submit(model.encoder, rows, Priority.BULK, _FOREVER).result()
            rates.append(sum(lengths) / (time.perf_counter() - began))
        queue.close()
        waste = 1 - sum(each[1] for each in batches) / sum(each[2] for each in batches)
        del model, queue
        engine.forget()
        few = mixed[: 100 if quick else 500]
        plain = pipeline_rate(folder, device, few)
        config = Model.load(folder, "cpu").module.config
    rate, top = Figure.of(rates), peak(device)
    share = operations(config, lengths) / sum(lengths) * rate.median / top
    compared = rate.median / (sum(lengths) / len(lengths)) / plain
    record = {
        "machine": machine() | {"card": torch.cuda.get_device_name(device)}, "tokens_per_second": rate.record(),
        "peak_flops": top, "share_of_peak": share, "padding_waste": waste, "pipeline_texts_per_second": plain,
        "times_pipeline": compared,
    }  # fmt: skip
    table = Table(title=f"encoder on {record['machine']['card']}")
    for name in ("", "figure", "to reach"):
        table.add_column(name, justify="left" if not name else "right")
    table.add_row("tokens a second", rate.text(), "")
    table.add_row("of the card's matrix peak", f"{share:.3f} of {top / 1e12:,.0f} TFLOPS", "")
    table.add_row("padding", f"{waste:.1%}", "")
    table.add_row("times a plain pipeline loop", f"{compared:.1f}", "≥ 3")
    console.print(table)
    console.print(f"kept in {save('gpu-serving', record)}")
    return 0


def pipeline_rate(folder: Path, device: str, texts: list[str]) -> float:
    """Texts a second of `transformers.pipeline` in a loop, as people write it."""
    from transformers import pipeline

    loop = pipeline("text-classification", model=str(folder), device=device)
    for text in texts[:10]:
        loop(text, truncation=True, max_length=256)
    began = time.perf_counter()
    for text in texts:
        loop(text, truncation=True, max_length=256)
    return len(texts) / (time.perf_counter() - began)
