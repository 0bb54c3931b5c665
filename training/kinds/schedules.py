"""How long and how fast an encoder is fine-tuned; each kind of question says what suits it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """For the loop, with `rate` for the encoder.

    `by_score` says that the best epoch is the one with the best score, not with the least loss. `start_penalty` is how
    a regression is held back that a head starts from; None takes the one that cross-validation found.
    """

    epochs: int = 4
    rate: float = 5e-5
    patience: int = 2
    batch_size: int = 16
    by_score: bool = False
    start_penalty: float | None = None
