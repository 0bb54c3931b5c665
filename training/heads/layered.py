"""The features of a fast head: what several layers say of a text, freed of what they say of every text."""

from __future__ import annotations

import numpy as np


def unit(rows: np.ndarray) -> np.ndarray:
    """Along the last axis of length 1."""
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def layers(features: np.ndarray, width: int) -> np.ndarray:
    """(rows, layers, width) of rows as the layered encoder gives them, whose own head reads the first `width`.

    Where nothing comes behind those, they are the one layer.
    """
    rows = np.asarray(features, dtype=np.float32)
    behind = rows[:, width:] if rows.shape[1] > width else rows
    return behind.reshape(len(rows), -1, width)


def centre(features: np.ndarray, width: int) -> np.ndarray:
    """What the texts of a project have in common, (layers, width): the mean of their layers, each of length 1."""
    return unit(layers(features, width)).mean(axis=0)


def joined(features: np.ndarray, width: int, common: np.ndarray) -> np.ndarray:
    """Each layer of length 1, less what is common, of length 1 again; side by side, of length 1 in all."""
    found = unit(unit(layers(features, width)) - common)
    return found.reshape(len(found), -1) / np.sqrt(found.shape[1])
