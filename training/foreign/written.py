"""What a foreign model has written as it learnt from all labels, until it lies in a checkpoint."""

from __future__ import annotations

from typing import NamedTuple

from labelwheel.training.foreign.entry import ForeignEntry
from labelwheel.training.foreign.model import ForeignModel


class Written(NamedTuple):
    """The model, its files as they are packed, and what the manifest says of both."""

    model: ForeignModel
    content: bytes
    entry: ForeignEntry
