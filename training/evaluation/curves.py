"""What the training curve and the learning curve say, in words with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from labelwheel.training.evaluation.findings import CurvePoint, Epoch
from labelwheel.training.evaluation.forecast import Point, forecast

Fit = Literal["sound", "overfitting", "underfitting", "unknown"]

_RISE = 0.10  # by how much of its minimum the validation loss must rise to speak of overfitting
_FALL = 0.03  # how much of the loss the last epoch must have taken off to speak of underfitting


def training_verdict(curve: Sequence[Epoch]) -> dict[str, Any]:
    """`verdict` and `reason` from the losses by epoch; the best epoch is the one that is kept (early stopping)."""
    points = [point for point in curve if point.validation_loss is not None]
    if len(points) < 2:
        return {"verdict": "unknown", "reason": "There are fewer than two epochs with a validation loss."}
    losses = np.array([point.validation_loss for point in points], dtype=float)
    trained = [point.train_loss for point in points if point.train_loss is not None]
    best = int(losses.argmin())
    rise = losses[-1] / max(losses[best], 1e-9) - 1
    last_fall = 1 - losses[-1] / max(losses[-2], 1e-9)
    learning = len(trained) >= 2 and trained[-1] < trained[-2] * (1 - _FALL)
    lowest = f"the validation loss was lowest at epoch {points[best].epoch:g} ({losses[best]:.3f})"
    verdict: Fit
    if best < len(points) - 1 and rise > _RISE and (not trained or trained[-1] < trained[0]):
        gap = f" while the training loss fell to {trained[-1]:.3f}" if trained else ""
        verdict = "overfitting"
        reason = (
            f"After that it overfits: {lowest} and rose by {rise:.0%} to {losses[-1]:.3f}{gap}. The best epoch is kept."
        )
    elif best == len(points) - 1 and last_fall > _FALL and (learning or not trained):
        verdict = "underfitting"
        reason = (
            f"It was still learning: the last epoch took {last_fall:.0%} off the validation loss ({losses[-1]:.3f})."
        )
    else:
        verdict = "sound"
        reason = f"It has learnt what it can: {lowest} and ended at {losses[-1]:.3f}."
    return {"verdict": verdict, "reason": reason, "best_epoch": points[best].epoch, "rise": float(rise)}


def learning_outlook(points: Sequence[CurvePoint], labels: int | None = None, more: int = 100) -> dict[str, Any]:
    """What `more` labels would bring after so many (None: after the last point), as `forecast` has it."""
    known = [Point.of(point.labels, point.score, point.low, point.high) for point in points]
    found = forecast(known, 1.0, more, labels=labels)
    if found.gain is None:
        return {"gain": None, "summary": f"Nothing can be said of more labels yet: {found.reason}."}
    gain, low, high = found.gain
    summary = f"The next {more} labels bring about {gain:+.3f}, if the curve goes on ({low:+.3f} to {high:+.3f})."
    return {"gain": gain, "summary": summary}
