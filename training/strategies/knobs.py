"""What of a strategy can be turned: settings that a search may change, each as a multiple of what is usual.

What is usual follows from the labels (a schedule, a rule for few labels), so that a setting that was found on two
hundred labels still makes sense with four hundred.
"""

from __future__ import annotations

from typing import NamedTuple


class Knob(NamedTuple):
    """From `low` to `high` times what is usual; by ratios where `log`, else by differences. 1 changes nothing."""

    name: str
    low: float
    high: float
    log: bool = True

    def within(self, value: float) -> float:
        """The nearest value that it can have."""
        return min(max(value, self.low), self.high)


USUAL = 1.0

RATE = Knob("learning rate", 0.25, 4.0)
HEAD_RATE = Knob("learning rate of the head", 0.1, 10.0)
EPOCHS = Knob("epochs", 0.5, 2.5)
STEP_COUNT = Knob("steps", 0.5, 3.0)
BATCH = Knob("batch size", 0.5, 2.0)
PULL = Knob("penalty", 0.1, 10.0)
NAMES = Knob("say of the names", 0.0, 1.5, log=False)
TEMPERATURE = Knob("temperature", 0.3, 3.0)
