"""What the training curve and the learning curve say, in words with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from labelwheel.training.evaluation.findings import CurvePoint, Epoch

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


def learning_outlook(points: Sequence[CurvePoint], more: int = 100) -> dict[str, Any]:
    """What `more` labels would bring about if the curve goes on as it did, with the caution that the points deserve.

    A line through score against log2(labels), weighted by the intervals' widths: within the range of one doubling
    that is as good as a power law and needs two points only (Figueroa et al. 2012 discuss how far that carries).
    """
    ordered = sorted(points, key=lambda point: point.labels)
    if len({point.labels for point in ordered}) < 2:
        return {"gain": None, "summary": "The learning curve needs at least two rounds."}
    recent = ordered[-5:]
    labels = np.log2([point.labels for point in recent])
    widths = np.maximum([point.high - point.low for point in recent], 0.01)
    slope, _ = np.polyfit(labels, [point.score for point in recent], 1, w=1 / widths)
    last = recent[-1]
    gain = float(slope * np.log2((last.labels + more) / last.labels))
    gain = max(min(gain, 1 - last.score), 0.0)
    if gain < 0.005:
        summary = f"Another {more} labels would hardly change the score ({gain:+.3f} if the curve goes on)."
    else:
        summary = f"Another {more} labels would bring about {gain:+.3f} if the curve goes on."
    first = recent[0]
    if first.high >= last.low or len(recent) < 3:
        summary += " Take it with care: the intervals of the points overlap, or they are few."
    return {"gain": gain, "per_doubling": float(slope), "summary": summary}
