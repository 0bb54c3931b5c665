"""How long a model takes for a single text where it is served: a middling one of the project's, and a long one.

On a CPU a text has one core (`backend/serving` gives each core a batch of its own), so what counts is what one thread
computes, not what it waits for others: a job shares its machine. On a card it is the time until the answer is there.
"""

from __future__ import annotations

import copy
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from labelwheel.training import batches
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.model import pad_token
from labelwheel.training.spec import Serving

logger = logging.getLogger(__name__)

PASSES = 5
"""The least of so many counts, after one that warms up: whatever disturbs a pass makes it longer."""

LONG = 0.95
"""The long text is longer than so many of the project's, in tokens."""

Clock = Callable[[], float]


class Latency(NamedTuple):
    """Milliseconds for a middling text and for a long one, how many tokens these have, and what computes them.

    `int8` tells that it is a graph in int8, which a checkpoint has only where that answers alike.
    """

    short: float
    long: float
    tokens: tuple[int, int]
    how: str
    int8: bool = False

    def __str__(self) -> str:
        """For people."""
        return f"{self.long:.1f} ms for {self.tokens[1]} tokens, {self.short:.1f} ms for {self.tokens[0]} ({self.how})"


Probe = Callable[[Any, Any, Sequence[Encoding], Serving, bool], Latency]
"""As `measure`."""


def measure(
    module: Any, tokenizer: Any, texts: Sequence[Encoding], serving: Serving, graph: bool, clock: Clock | None = None
) -> Latency:
    """Times a classifier on two of some texts, as it would be served; `module` is as before afterwards.

    The weights come first. Only where they are too slow on a CPU, and `graph` says that a checkpoint gets one, is the
    graph made and timed: it takes seconds to write, and is what answers there.
    """
    order = sorted(texts, key=lambda text: len(text.input_ids))
    rows = [order[len(order) // 2], order[min(len(order) - 1, int(LONG * len(order)))]]
    pad = pad_token(tokenizer)
    if serving.card and _device(module).startswith("cuda"):
        clock = clock or time.perf_counter
        return _timed(rows, lambda row: batches.forward(module, [row], pad), clock, "the weights on a GPU")
    clock = clock or time.thread_time
    on_cpu = module if _device(module) == "cpu" else copy.deepcopy(module).to("cpu")
    with _one_thread():
        found = _timed(rows, lambda row: batches.forward(on_cpu, [row], pad), clock, "the weights on one core")
    if found.long <= serving.max_ms or not (graph and serving.graph) or serving.card:
        return found
    try:
        return min(found, _by_graph(on_cpu, tokenizer, rows, serving, clock), key=lambda each: each.long)
    except Exception as error:  # whatever an architecture does to the exporter: torch serves what cannot be exported
        logger.warning("No graph could be timed, so the weights' time stands: %.300s", error)
        return found


def _by_graph(module: Any, tokenizer: Any, rows: Sequence[Encoding], serving: Serving, clock: Clock) -> Latency:
    """In full where that is fast enough, else in int8: what has to be seen is whether either is."""
    from labelwheel.training.onnx_export import graph
    from labelwheel.training.onnx_export.quantisation import quantise
    from labelwheel.training.onnx_export.session import Session

    pad = pad_token(tokenizer)
    with tempfile.TemporaryDirectory(prefix="labelwheel-latency-") as scratch, batches.quiet():
        plain, small = Path(scratch) / "fp32.onnx", Path(scratch) / "int8.onnx"
        graph.export(module, plain)
        session = Session(plain, pad, threads=1)
        whole = _timed(rows, lambda row: session.features([row]), clock, "its graph on one core")
        if whole.long <= serving.max_ms:
            return whole
        quantise(plain, small, tokenizer)
        session = Session(small, pad, threads=1)
        found = _timed(rows, lambda row: session.features([row]), clock, "its graph in int8 on one core")
        return found._replace(int8=True)


def _timed(rows: Sequence[Encoding], run: Callable[[Encoding], object], clock: Clock, how: str) -> Latency:
    short, long = (1000.0 * _least(run, row, clock) for row in rows)
    tokens = (len(rows[0].input_ids), len(rows[1].input_ids))
    return Latency(short, long, tokens, how)


def _least(run: Callable[[Encoding], object], row: Encoding, clock: Clock) -> float:
    run(row)
    found = []
    for _ in range(PASSES):
        begin = clock()
        run(row)
        found.append(clock() - begin)
    return min(found)


def _device(module: Any) -> str:
    return str(next(module.parameters()).device)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Has torch compute with one thread inside of the block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
