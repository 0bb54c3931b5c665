"""What a trial of a search leaves in place of a checkpoint: figures out of fold, in its output folder."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from labelwheel.training.questions import Frozen

RESULT = "result.json"

FINE_SHARE = 0.2
"""How much a log loss weighs beside the loss of the answers, as in a search for the regression's strength."""


class Measured(Frozen):
    """One strategy out of fold. `losses` are by example: of the answer, in [0, 1], and the calibrated log loss."""

    strategy: str
    score: float | None
    seconds: float
    detail: str
    losses: dict[str, tuple[float, float]]

    @property
    def value(self) -> float:
        """What a search makes as small as it can."""
        return mean(worth(self.losses))


class TrialFigures(Frozen):
    """All that a trial measured: one strategy with its settings, or each that applies with none, and the `chosen` one.

    `problem` says why nothing could be measured. `groups` tells near-duplicates, by example.
    """

    version: str
    labels: int
    measured: tuple[Measured, ...] = ()
    chosen: str | None = None
    groups: dict[str, str] = Field(default_factory=dict)
    problem: str | None = None
    notes: tuple[str, ...] = ()


def worth(losses: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """By example, both losses in one."""
    return {key: answer + FINE_SHARE * fine for key, (answer, fine) in losses.items()}


def mean(values: Mapping[str, float]) -> float:
    """Over examples; infinite where there are none."""
    return sum(values.values()) / len(values) if values else float("inf")
