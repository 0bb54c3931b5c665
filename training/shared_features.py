"""What the questions of one job share: the features of their texts under one frozen encoder, computed once.

Weights are read anew for each question: that takes .2 s, and what comes out is what a job of its own would leave.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from labelwheel.training import encoders
from labelwheel.training.kinds.base import Encoding

BATCH = 32
ROOM = 256 * 1024 * 1024

Embed = Callable[[Any, Sequence[Encoding], int], list[np.ndarray]]
"""As `encoders.features`: a model, encodings and the padding token in, the features of each encoding out."""

_OF_THE_QUESTION = ("num_labels", "id2label", "label2id", "problem_type")
_Key = tuple[str, int, tuple[tuple[int, ...], ...]]


class SharedFeatures:
    """Keeps the features of whole batches, `room` bytes at most, the latest used.

    Of batches and not of texts: what a text is batched with moves its features by a rounding, and a question's
    checkpoint must not depend on the company it is trained in.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room, self._used = room, 0
        self._kept: OrderedDict[_Key, list[np.ndarray]] = OrderedDict()
        self._digests: tuple[Any, str] = (None, "")

    def __call__(self, model: Any, encodings: Sequence[Encoding], pad_token_id: int) -> list[np.ndarray]:
        """The features of each encoding, float32; `model` must not have been trained since it was first given."""
        digest = self._digest(model)
        order = sorted(range(len(encodings)), key=lambda index: len(encodings[index].input_ids))
        found: list[np.ndarray] = [np.empty(0, dtype=np.float32)] * len(encodings)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            key = digest, pad_token_id, tuple(tuple(encodings[index].input_ids) for index in chosen)
            rows = self._kept.pop(key, None)
            if rows is None:
                rows = encoders.features(model, [encodings[index] for index in chosen], pad_token_id, BATCH)
                self._used += sum(row.nbytes for row in rows)
            self._kept[key] = rows
            for index, row in zip(chosen, rows, strict=True):
                found[index] = row.copy()
        while self._used > self._room:
            _, old = self._kept.popitem(last=False)
            self._used -= sum(row.nbytes for row in old)
        return found

    def forget_model(self) -> None:
        """Lets go of the last model, which holds memory of its device."""
        self._digests = (None, "")

    def _digest(self, model: Any) -> str:
        if self._digests[0] is not model:
            settings = {name: value for name, value in model.config.to_dict().items() if name not in _OF_THE_QUESTION}
            self._digests = model, f"{encoders.digest(model)} {model.device} {settings}"
        return self._digests[1]
