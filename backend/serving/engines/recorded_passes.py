"""Few short texts on a GPU: passes of fixed shapes that are recorded once and replayed as a whole.

A small encoder launches some hundred kernels for a text, and to launch one takes longer than to compute it. A recorded
pass is launched at once. Rows are padded to the next of a few lengths. A shape is kept only where its answers are those
of the plain way, and sooner; everything else, and whatever goes wrong, goes the plain way.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from labelwheel.training import batches
from labelwheel.training.kinds.base import Encoding

log = logging.getLogger(__name__)

LENGTHS = (16, 32, 64, 128, 256)
ROWS = (1, 2, 4)
ALIKE = 0.05
"""How far features may be from those of the plain way, over their length: bfloat16 has eight bits."""

_REPEATS = 5
_TOKENS = (1, 2, 3)

Shape = tuple[int, int]
"""Rows, and tokens of each."""


@dataclass(frozen=True)
class Recording:
    """A recorded pass: `replay` launches it, and `output` has its result. `pool` is the memory that it computes in."""

    replay: Callable[[], Any]
    output: Any
    pool: Any = None


Record = Callable[[Callable[[], Any], Any], Recording]
"""Records what a function computes, in the memory of a pool, or in new memory where that is None."""


@dataclass(frozen=True)
class _Kept:
    recording: Recording
    given: Any  # (2, rows, tokens): token ids and the mask, on the device
    staged: Any  # the same in the host's memory


class RecordedPasses:
    """The shapes of one module. `longest` is how many tokens it takes; `seconds` measures how long a call takes."""

    def __init__(
        self,
        module: Any,
        pad_token_id: int,
        longest: int,
        record: Record,
        seconds: Callable[[Callable[[], Any]], float] | None = None,
    ) -> None:
        self._module, self._pad_token_id, self._record = module, pad_token_id, record
        self._seconds = seconds or _least
        self._lengths = sorted({min(each, longest) for each in LENGTHS})
        self._kept: dict[Shape, _Kept] = {}
        self._told: Counter[str] = Counter()
        self._rehearsed = False
        self._lock = threading.Lock()

    @property
    def shapes(self) -> list[Shape]:
        """Those that are replayed."""
        return sorted(self._kept)

    def rehearsals(self) -> list[Callable[[], None]]:
        """What the thread that computes has to call, one after the other, before anybody asks; they raise nothing."""
        if self._rehearsed:
            return []
        self._rehearsed = True
        shapes = [(rows, length) for length in self._lengths for rows in ROWS]
        return [*(partial(self._rehearse, shape) for shape in shapes), self._tell]

    def features(self, encodings: Sequence[Encoding]) -> list[np.ndarray] | None:
        """As an encoder's; None where the plain way has to be taken."""
        shape = self._shape(encodings)
        kept = self._kept.get(shape) if shape else None
        if kept is None:
            return None
        try:
            return self._replay(kept, encodings)
        except RuntimeError as error:
            log.warning("a recorded pass failed, all go the plain way from now on: %.300s", error)
            self._kept = {}
            return None

    def launch(self, encodings: Sequence[Encoding]) -> Callable[[], Any] | None:
        """What launches the pass of such rows once more, without a copy, to measure it; None where there is none."""
        shape = self._shape(encodings)
        kept = self._kept.get(shape) if shape else None
        return kept.recording.replay if kept else None

    def _shape(self, encodings: Sequence[Encoding]) -> Shape | None:
        if not 0 < len(encodings) <= ROWS[-1]:
            return None
        longest = max(len(row.input_ids) for row in encodings)
        length = next((each for each in self._lengths if each >= longest), None)
        rows = next(each for each in ROWS if each >= len(encodings))
        return None if length is None else (rows, length)

    def _replay(self, kept: _Kept, encodings: Sequence[Encoding]) -> list[np.ndarray]:
        import torch

        lengths = [len(row.input_ids) for row in encodings]
        with self._lock, torch.inference_mode():
            tokens, mask = kept.staged.numpy()
            tokens.fill(self._pad_token_id)
            mask.fill(0)
            mask[:, 0] = 1  # a row that stands for nothing attends to one token: of none the mean is no number
            for index, (row, length) in enumerate(zip(encodings, lengths, strict=True)):
                tokens[index, :length] = row.input_ids
                mask[index, :length] = 1
            kept.given.copy_(kept.staged, non_blocking=True)
            kept.recording.replay()
            output = kept.recording.output[: len(lengths)].cpu().numpy()
            # copies: the next replay overwrites what a CPU gives out as it is
            return [
                (row[:length] if row.ndim == 2 else row).copy() for row, length in zip(output, lengths, strict=True)
            ]

    def _rehearse(self, shape: Shape) -> None:
        """Records a shape, and keeps it if it is worth it."""
        if self._told["failed"]:
            return
        import torch

        try:
            with self._lock, torch.inference_mode():
                kept = self._recorded(shape)
            worth = self._worth(kept, shape)
        except Exception as error:  # whatever it is, there is the plain way
            self._told["failed"] += 1
            log.warning("a pass of %d × %d tokens cannot be recorded, plain ones are taken: %.300s", *shape, error)
            return
        self._told[worth] += 1
        if worth == "kept":
            self._kept[shape] = kept

    def _recorded(self, shape: Shape) -> _Kept:
        import torch

        device, on_gpu = self._module.device, self._module.device.type == "cuda"
        staged = torch.zeros((2, *shape), dtype=torch.int64, pin_memory=on_gpu)
        staged[0] = torch.tensor(_TOKENS).repeat(shape[1])[: shape[1]]
        staged[1, :, :-1] = 1  # with padding: without any, models leave out the mask, and that would be recorded
        given = staged.to(device)
        run = partial(_run, self._module, given)
        pool = next((each.recording.pool for each in self._kept.values()), None)
        return _Kept(self._record(run, pool), given, staged)

    def _worth(self, kept: _Kept, shape: Shape) -> str:
        """`kept`, or why not: full rows and short ones have to be answered alike, and full ones sooner."""
        rows, length = shape
        full = [_row(index, length) for index in range(rows)]
        short = [_row(index + 1, max(1, length // 2 - index)) for index in range(max(1, rows - 1))]
        for asked in (full, short, full):
            for one, other in zip(self._replay(kept, asked), self._plain(asked), strict=True):
                if not np.linalg.norm(one - other) <= ALIKE * np.linalg.norm(other):
                    return "unlike"
        replayed = self._seconds(partial(self._replay, kept, full))
        return "kept" if replayed < self._seconds(partial(self._plain, full)) else "slower"

    def _plain(self, encodings: Sequence[Encoding]) -> list[np.ndarray]:
        return batches.forward(self._module, encodings, self._pad_token_id, len(encodings))

    def _tell(self) -> None:
        told = ", ".join(f"{count} {word}" for word, count in sorted(self._told.items()))
        log.info("passes of few short texts that are replayed as a whole: %s", told)


def _run(module: Any, given: Any) -> Any:
    return module(input_ids=given[0], attention_mask=given[1]).logits.float()


def _row(place: int, length: int) -> Encoding:
    return Encoding(place, [_TOKENS[(place + step) % len(_TOKENS)] for step in range(length)])


def _least(call: Callable[[], Any]) -> float:
    """Of a few repeats: what else the machine does only makes it longer."""
    found = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return min(found)
