"""What fast heads of whole texts are fitted to: labelled examples and other texts, as the encoder sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelwheel.training.kinds.base import Encoding
from labelwheel.training.spec import LabelledExample


@dataclass(frozen=True)
class Seen:
    """A labelled example with what the champion's encoder and the champion said of it, for each side.

    `features` (sides, width of all) and `logits` (sides, outputs).
    """

    row: LabelledExample
    features: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True)
class Unlabelled:
    """Texts that nobody has labelled, in the space: `rows` (texts, directions), `prior` (texts, labels)."""

    rows: np.ndarray
    prior: np.ndarray


def numbered(seen: Sequence[Seen]) -> list[Encoding]:
    """The rows of examples, in order; no text is read, so that they have no tokens."""
    return [Encoding(place, (), side) for place, one in enumerate(seen) for side in range(len(one.logits))]
