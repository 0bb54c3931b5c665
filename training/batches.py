"""Passes through a model in padded batches, sorted by length so that little is padded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from labelwheel.training import card_share
from labelwheel.training.fetching import fetch
from labelwheel.training.kinds.base import Encoding


def padded(rows: Sequence[Sequence[int]], pad_token_id: int) -> tuple[np.ndarray, np.ndarray]:
    """`input_ids` and `attention_mask`, (rows, longest row) of int64."""
    shape = len(rows), max(len(row) for row in rows)
    ids, mask = np.full(shape, pad_token_id, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return ids, mask


def pad(rows: Sequence[Sequence[int]], pad_token_id: int, device: Any = None) -> dict[str, Any]:
    """The same as tensors, by name."""
    import torch

    found = {}
    for name, values in zip(("input_ids", "attention_mask"), padded(rows, pad_token_id), strict=True):
        tensor = torch.from_numpy(values)
        if device is not None and torch.device(device).type == "cuda":  # the copy goes on while kernels are launched
            tensor = tensor.pin_memory()
        found[name] = tensor.to(device, non_blocking=True)
    return found


def forward(
    model: Any,
    encodings: Sequence[Encoding],
    pad_token_id: int,
    batch_size: int = 32,
    pick: Callable[[Any], Any] = lambda output: output.logits,
) -> list[np.ndarray]:
    """What `pick` takes from the model's output, an array for each encoding, float32, without what stands for padding.

    One number or row per text comes back as it is; one per token is cut to the encoding's tokens. Where the device's
    memory runs out, batches are halved.
    """
    import torch

    try:
        return _forward(model, encodings, pad_token_id, batch_size, pick)
    except torch.OutOfMemoryError:
        if batch_size == 1:
            raise
    torch.cuda.empty_cache()
    return forward(model, encodings, pad_token_id, batch_size // 2, pick)


def _forward(
    model: Any, encodings: Sequence[Encoding], pad_token_id: int, batch_size: int, pick: Callable[[Any], Any]
) -> list[np.ndarray]:
    import torch

    weight = next(model.parameters())
    device, whole = weight.device, weight.dtype is torch.float32
    autocast = torch.autocast("cuda", dtype=torch.bfloat16) if device.type == "cuda" and whole else nullcontext()
    order = sorted(range(len(encodings)), key=lambda index: len(encodings[index].input_ids))
    found: list[np.ndarray] = [np.empty(0, dtype=np.float32)] * len(encodings)
    waiting: deque[tuple[list[int], Callable[[], np.ndarray]]] = deque()
    with torch.inference_mode(), autocast:
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            # the next batch is padded and launched before the last one's output is waited for
            with card_share.turn():
                batch = pad([encodings[index].input_ids for index in chosen], pad_token_id, device)
                waiting.append((chosen, fetch(pick(model(**batch)).float(), len(order) > batch_size)))
            if len(waiting) > 1:
                _take(*waiting.popleft(), encodings, found)
        while waiting:
            _take(*waiting.popleft(), encodings, found)
    return found


def _take(
    chosen: Sequence[int], output: Callable[[], np.ndarray], encodings: Sequence[Encoding], found: list[np.ndarray]
) -> None:
    for index, row in zip(chosen, output(), strict=True):
        found[index] = row[: len(encodings[index].input_ids)] if row.ndim == 2 else row


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' bars and its table of new weights, which here are new on purpose."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
