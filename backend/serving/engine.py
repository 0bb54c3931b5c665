"""What turns encodings into logits: any engine behind the same three protocols.

A checkpoint is an encoder, which costs nearly all of the time and memory, and a head that reads what it gives. They are
apart so that checkpoints which still have the same frozen encoder hold it once, and share one pass through it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Prediction, Question


class Encoder(Protocol):
    """The part that is shared; `size` is its memory in bytes. As many threads call `features` as there are lanes.

    `name` says which weights, and which arithmetic, give the features: equal where they are. `tokens` tells that there
    is a row of features for each token of a text. `computing` says what computes them, as JSON for people to look at.
    """

    size: int
    name: str
    tokens: bool

    @property
    def computing(self) -> Mapping[str, Any]: ...

    @property
    def layered(self) -> Encoder | None:
        """The same encoder, whose rows have what several layers say behind what the head reads; for fast heads.

        It may be the encoder itself. None where the model keeps its layers to itself.
        """

    def rehearsals(self) -> Sequence[Callable[[], None]]:
        """What a lane has to call before anybody asks, step by step; nothing where it was done, or is not needed."""

    def features(self, encodings: Sequence[Encoding]) -> list[np.ndarray]:
        """What a head reads of each row, float32, in order; all rows in one batch."""


class Loaded(Protocol):
    """A checkpoint that is in memory. All but its encoder may be used in any thread."""

    version: str
    question: Question
    manifest: Manifest
    labels: tuple[str, ...]

    @property
    def width(self) -> int | None:
        """How many features its own head reads; None where it has none of its own."""

    @property
    def encoder(self) -> Encoder:
        """The same object for checkpoints that share it."""

    @property
    def reading(self) -> str:
        """Names how texts become rows: where it is equal, so are the rows of equal texts."""

    def encode(self, question: Question, examples: Sequence[Example]) -> list[Encoding]:
        """Rows for the encoder, as `labelwheel.training.kinds.base.QuestionKind.encode` gives them."""

    def head(self, features: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Logits of each row, float32."""

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
    ) -> list[Prediction]:
        """One prediction per example, in order."""


class Engine(Protocol):
    """Loads checkpoints. A batch has at most so many rows and so many tokens, padding included.

    `lanes` is how many batches may be computed at a time; it is asked for once the first checkpoint is in memory.
    `polite_tokens` bounds a batch of bulk work while people ask as well: it is what one of them may have to wait for.
    """

    @property
    def lanes(self) -> int: ...

    @property
    def batch_rows(self) -> int: ...

    @property
    def batch_tokens(self) -> int: ...

    @property
    def polite_tokens(self) -> int: ...

    def load(self, folder: Path, manifest: Manifest | None = None) -> Loaded:
        """A checkpoint in memory; raises InvalidCheckpoint, OutOfMemory or whatever the library raises.

        It is verified first, unless a `manifest` is given: the caller has done so, or there is none in the folder.
        """

    def forget(self) -> None:
        """Give the memory of models that nobody holds any more back to the system."""
