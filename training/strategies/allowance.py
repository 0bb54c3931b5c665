"""How long a round may train encoders, however much time a job has: about as long as people took for its labels.

A few labels more come soon, and the next round has them: one that still computes on thirty when there are sixty has
kept them waiting. With MiniLM on one thread a whole job on 30 labels of TREC takes 103 CPU seconds; on two cores with a
load of nine its try of contrast took 321 s of the 600 that it may. Jobs with spans took 1.5 to 1.7 s a label
(docs/figures.md). So this leaves out nothing on a machine that is several times as slow or as busy. What the cheap
strategies took stands for what labels do not show: long texts.
"""

from __future__ import annotations

LEAST = 300.0
"""Seconds that do not depend on the labels: each try of a strategy has a number of steps below which it is none."""

A_LABEL = 10.0
"""Seconds; a short text takes a person about as long."""

TIMES = 20.0
"""So many times what the cheap strategies took together: an epoch or two of training, where texts are long."""


def seconds(labels: int, cheap: float) -> float:
    """For all strategies that train the encoder together, after cheap ones that took `cheap` seconds."""
    return max(LEAST + A_LABEL * labels, TIMES * cheap)
