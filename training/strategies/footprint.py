"""How large a base model is, and how much memory it takes to train the whole of it."""

from __future__ import annotations

from typing import Any

from labelwheel.training import encoders

LARGE = 300_000_000
"""Parameters from which on adapters are tried before the whole model is trained.

BERT-large counts (335 million), and no model of base size does: from there on the whole model takes more than 6 GiB to
train, and learns unsteadily from few labels (Devlin et al. 2019, section 4.1).
"""

_KEPT, _TRAINED = 4, 20
"""Bytes for each parameter that is only copied, and for each that is trained, all of them float32: the copy, its
gradient, AdamW's two moments, and the value after the best epoch. A batch comes on top, and can be made smaller."""


_TIMED = 8
"""Bytes for each parameter of a copy that a step is timed on: itself, and its gradient."""


def is_large(model: Any) -> bool:
    """Whether a model is too large to train the whole of it lightly."""
    return sum(parameter.numel() for parameter in model.parameters()) >= LARGE


def of_whole(model: Any) -> int:
    """The bytes that a copy of a model takes while the whole of it is trained, beside the model itself."""
    still = {id(parameter) for parameter in encoders.still_parameters(model)}
    return sum(parameter.numel() * (_KEPT if id(parameter) in still else _TRAINED) for parameter in model.parameters())


def of_shard(model: Any, processes: int) -> int:
    """The bytes that a copy takes on the first process's device while so many train it in shards, one for each.

    It has the whole of it there to time a step, and to measure an epoch beside its shard.
    """
    return sum(p.numel() for p in model.parameters()) * max(_TIMED, _KEPT + -(-(_TRAINED - _KEPT) // processes))
