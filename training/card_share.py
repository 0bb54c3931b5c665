"""What a job gives up where serving computes on the same card, so that whoever asks hardly notices it.

Two processes never compute at the same moment on one card, unless NVIDIA's MPS runs there: it goes from the work of
the one to that of the other. What is waited for, then, is what the job has handed over to the card. So a job hands over
a few thousand tokens at a time, waits for them, and leaves the card alone for a share of the time that they took. It
does so whether anybody asks or not: a fixed share needs to know nothing, and cannot be wrong about it. Priorities of
streams say nothing to other processes (and a default stream has the lowest there is); MPS heeds that of its clients.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

logger = logging.getLogger(__name__)

TOKENS = 4096
"""With padding, that are handed over at once; some 10 ms of learning for a BERT base."""

LEFT = 0.25
"""Of the time that they took: so long the card is left alone. A job takes a fifth of its time more."""

RESERVE, RESERVED = 2 * 2**30, 0.1
"""Bytes, and the part of a card's memory: the larger is left to serving, for a checkpoint beside the one it has …"""

LEAST = 0.5
"""… but never more than this part of what is free when the job starts."""

ENVIRONMENT = {"CUDA_MPS_CLIENT_PRIORITY": "1"}
"""Below normal, where MPS runs; it has to be set before CUDA starts."""


class Card(Protocol):
    """One GPU, as this process sees it."""

    def memory(self) -> tuple[int, int]:
        """Bytes that this process has or may take, and those that there are."""

    def limit(self, share: float) -> None:
        """So much of the memory, and no more, is what this process may take."""

    def wait(self) -> None:
        """Until all is computed that was handed over."""


class CudaCard:
    """The only device that a job sees."""

    def memory(self) -> tuple[int, int]:
        import torch

        free, total = torch.cuda.mem_get_info()
        return int(free + torch.cuda.memory_reserved()), int(total)

    def limit(self, share: float) -> None:
        import torch

        torch.cuda.set_per_process_memory_fraction(share)

    def wait(self) -> None:
        import torch

        torch.cuda.current_stream().synchronize()


class CardShare:
    """A card while a job holds back. `seconds` it has computed, for `left` it was left alone."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self._most: int | None = None
        self.seconds = self.left = 0.0

    def bound(self) -> None:
        """Takes no more memory than leaves room for serving's next checkpoint."""
        try:
            free, total = self._card.memory()
            most = max(LEAST * free, free - max(RESERVE, RESERVED * total))
            self._card.limit(min(1.0, most / total))
            self._most = int(most)
        except RuntimeError as error:
            logger.warning("The card's memory is not bounded: %.300s", error)

    def release(self) -> None:
        """All of the memory again."""
        if self._most is not None:
            self._card.limit(1.0)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Some thousand tokens; on leaving, they are computed and others have had their turn."""
        began = time.monotonic()
        yield
        self._card.wait()
        took = time.monotonic() - began
        time.sleep(LEFT * took)
        self.seconds += took
        self.left += LEFT * took

    def told(self) -> str:
        """For people: what the job has given up."""
        memory = "" if self._most is None else f"at most {self._most / 1e9:,.1f} GB of it, "
        return (
            f"Shared the card with serving: {memory}at most {TOKENS:,} tokens at a time, and left it alone for "
            f"{self.left:.0f} of {self.left + self.seconds:.0f} seconds of work on it."
        )


_present: CardShare | None = None


@contextmanager
def held_back(wanted: bool, card: Card | None = None) -> Iterator[None]:
    """A job that leaves room for serving on its card, if it is wanted to."""
    global _present
    if not wanted:
        yield
        return
    _present = share = CardShare(card or CudaCard())
    share.bound()
    try:
        yield
    finally:
        _present = None
        share.release()


def turn() -> AbstractContextManager[None]:
    """Around what is handed over to the card at once; nothing where it is not shared."""
    return nullcontext() if _present is None else _present.turn()


def slowdown() -> float:
    """How many times as long work takes."""
    return 1.0 if _present is None else 1.0 + LEFT


def told() -> list[str]:
    """What the report has to say of it."""
    return [] if _present is None else [_present.told()]


def polite(trainer: type[Any]) -> type[Any]:
    """A Trainer that learns from a batch in parts of `TOKENS`, with the same gradient; itself where none is shared."""
    if _present is None:
        return trainer

    class PoliteTrainer(trainer):
        """The loss is a sum over rows, divided by their count in the whole batch: parts add up to it."""

        def training_step(self, model: Any, inputs: Mapping[str, Any], num_items_in_batch: Any = None) -> Any:
            whole = []
            for part in parts(inputs) if num_items_in_batch is not None else [inputs]:
                with turn():
                    whole.append(super().training_step(model, part, num_items_in_batch))
            return sum(whole)

    return PoliteTrainer


def parts(inputs: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A batch in parts of at most `TOKENS`, but of one row at least; of pairs, both sides stay together."""
    import torch

    (rows, width), count = inputs["input_ids"].shape, len(inputs["labels"])
    sides = rows // count if count else 0
    if (
        rows * width <= TOKENS
        or sides * count != rows
        or any(len(each) not in (rows, count) for each in inputs.values())
    ):
        return [inputs]
    step = max(1, TOKENS // (width * sides))

    def cut(tensor: Any, start: int) -> Any:
        if len(tensor) == count:
            return tensor[start : start + step]
        return torch.cat([tensor[side * count :][start : min(start + step, count)] for side in range(sides)])

    return [{name: cut(each, start) for name, each in inputs.items()} for start in range(0, count, step)]
