"""What a training gives up, step by step, where memory runs out: time, and nothing of what it learns.

Half the batch and twice the accumulation is the same training. So is gradient checkpointing, which keeps only what goes
into each layer and computes the rest again on the way back: a third more work. Halving is free while a batch keeps the
device busy; below a few rows each half takes nearly as long as the whole did, so checkpointing comes first there.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from labelwheel.training import memory
from labelwheel.training.errors import OutOfMemory
from labelwheel.training.strategies.finetuning_loop import Settings

logger = logging.getLogger(__name__)

FEW = 4
"""From so few rows on, gradient checkpointing comes before a smaller batch."""


def below(settings: Settings, can_checkpoint: bool) -> Settings | None:
    """The next settings to try with less memory; None where nothing is left to give up."""
    if can_checkpoint and not settings.checkpointing and settings.batch_size <= FEW:
        return replace(settings, checkpointing=True)
    if settings.batch_size == 1:
        return None
    return replace(settings, batch_size=settings.batch_size // 2, accumulation=settings.accumulation * 2)


def after(error: Exception, settings: Settings, can_checkpoint: bool) -> Settings:
    """What to go on with where memory ran out, which is given back; raises any other error again.

    Raises OutOfMemory where nothing is left to give up.
    """
    if not memory.ran_out(error):
        raise error
    smaller = below(settings, can_checkpoint)
    if smaller is None:
        raise OutOfMemory(
            "memory runs out even with a batch of one; take a smaller model or a shorter max_length"
        ) from error
    logger.warning("Memory ran out; trying again with %s", told(smaller))
    memory.give_back(error)
    return smaller


def told(settings: Settings) -> str:
    """What batches a training has, for people."""
    words = f"batches of {settings.batch_size}×{settings.accumulation}"
    return words + (", gradient checkpointing" if settings.checkpointing else "")


def can_checkpoint(model: Any) -> bool:
    """Whether a model knows gradient checkpointing."""
    return bool(getattr(model, "supports_gradient_checkpointing", False)) and any(
        hasattr(module, "gradient_checkpointing") for module in model.modules()
    )


def checkpoint(model: Any) -> None:
    """Have a model's layers compute again, on the way back, what they would have kept."""
    # transformers has renamed it; the variant that is not reentrant takes frozen inputs, as adapters have them
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})
