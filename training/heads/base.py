"""What a fast head is: between the champion's encoder and the answer, in the place of the champion's own head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Prediction, Question


class FastHead(Protocol):
    """Immutable; all of it may be used in any thread.

    The features of a row are those that the champion's own head reads, and behind them the means of several layers, or
    for a row of tokens (tokens, features) of all these layers side by side.
    """

    name: str
    """What reads the file again; see `heads.files`."""

    def values(self, features: Sequence[np.ndarray], champion: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What `decode` takes, for each row; `champion` are the champion's own logits of the same rows."""

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        values: Sequence[np.ndarray],
    ) -> list[Prediction]:
        """One prediction per example, in order."""

    def dump(self) -> bytes:
        """As safetensors, with what is no tensor as JSON in its metadata."""
