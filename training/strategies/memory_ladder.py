"""What a training gives up, step by step, where memory runs out: time, and nothing of what it learns.

Half the batch and twice the accumulation is the same training. So is gradient checkpointing, which keeps only what goes
into each layer and computes the rest again on the way back: a third more work. Halving is free while a batch keeps the
device busy; below a few rows each half takes nearly as long as the whole did, so checkpointing comes first there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from labelwheel.training.strategies.finetuning_loop import Settings

FEW = 4
"""From so few rows on, gradient checkpointing comes before a smaller batch."""


def below(settings: Settings, can_checkpoint: bool) -> Settings | None:
    """The next settings to try with less memory; None where nothing is left to give up."""
    if can_checkpoint and not settings.checkpointing and settings.batch_size <= FEW:
        return replace(settings, checkpointing=True)
    if settings.batch_size == 1:
        return None
    return replace(settings, batch_size=settings.batch_size // 2, accumulation=settings.accumulation * 2)


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
