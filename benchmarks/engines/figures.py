"""Times as a median with its interval, and what ratios of them say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Figure:
    """A median with the 95 % interval of a bootstrap over the measurements."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float], seed: int = 13) -> Figure:
        given = np.asarray(values)
        drawn = np.random.default_rng(seed).choice(given, size=(1000, len(given)))
        low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
        return cls(float(np.median(given)), float(low), float(high), len(given))

    def text(self, unit: str = "") -> str:
        return f"{self.median:,.3g}{unit} ({self.low:,.3g}–{self.high:,.3g})"

    def record(self) -> dict[str, Any]:
        return asdict(self)
