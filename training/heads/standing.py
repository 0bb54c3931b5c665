"""What a fast head stands on: what is known of an answer before the labels that it learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import log_softmax

from labelwheel.training.heads import ticks
from labelwheel.training.heads.layered import unit
from labelwheel.training.kinds.base import QuestionKind
from labelwheel.training.kinds.objectives import Sigmoid, Softmax
from labelwheel.training.kinds.scaling import TEMPERATURE
from labelwheel.training.strategies.label_names import SHARPNESS

UNTRAINED = ("names", "frozen", "chain", "nearest")
"""Recipes that leave the encoder as it was before any label."""

UNHEARD = float(np.log(1e-4))
"""The log-odds of a label that nothing is known of."""


@dataclass(frozen=True, eq=False)
class Standing:
    """The champion: its outputs, its calibration, and how many features its own head reads.

    `names` (labels of the question, width), of length 1, are where texts about each label lie, while the encoder is as
    it was before any label: then what they say is known before, and not what a head has learnt from the same labels.
    Where several options may fit, `shares` tells that an option is known by its share among all; heads of before did
    not go by that.
    """

    labels: tuple[str, ...]
    calibration: Mapping[str, float]
    width: int
    names: np.ndarray | None = None
    shares: bool = True

    def prior(self, kind: QuestionKind, features: np.ndarray, logits: np.ndarray, labels: Sequence[str]) -> np.ndarray:
        """What is known, (rows, labels); of rows of features (rows, …) and the champion's logits (rows, outputs)."""
        if self.names is not None:
            texts = unit(np.asarray(features[:, : self.width], dtype=np.float64))
            similar: np.ndarray = SHARPNESS * texts @ self.names.T
            return similar if kind.exclusive or not self.shares else ticks.known(similar)
        objective, values = kind.objective(), np.asarray(logits, dtype=np.float64)
        values = values / self.calibration.get(TEMPERATURE, 1.0)
        if isinstance(objective, Softmax):
            values = log_softmax(values, axis=1)
        elif not isinstance(objective, Sigmoid):
            return values
        if tuple(labels) == self.labels:
            return values
        places = {label: place for place, label in enumerate(self.labels)}
        found = np.full((len(values), len(labels)), UNHEARD)
        for place, label in enumerate(labels):
            if label in places:
                found[:, place] = values[:, places[label]]
        return found

    def like(self, other: Standing) -> bool:
        """Whether a head on the one begins where a head on the other ended."""
        named = (self.names is None, self.shares) == (other.names is None, other.shares)
        return named and (self.labels, dict(self.calibration), self.width) == (
            other.labels, dict(other.calibration), other.width,
        )  # fmt: skip

    def about(self) -> dict[str, Any]:
        """What is no tensor, as JSON."""
        about = {"labels": self.labels, "calibration": dict(self.calibration), "width": self.width}
        return about | {"shares": self.shares}

    @classmethod
    def read(cls, about: Mapping[str, Any], names: np.ndarray | None) -> Standing:
        """What `about` told, with the tensor beside it."""
        found = None if names is None else names.astype(np.float32)
        shares = bool(about.get("shares", False))
        return cls(tuple(about["labels"]), dict(about["calibration"]), int(about["width"]), found, shares)
