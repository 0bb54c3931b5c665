"""What models say of each label that they have not learnt from, kept for whoever weighs people against them.

A section of an inspection that shows nothing by itself: an inspection knows what people agreed on, and not who said
what. `labelwheel agreement` does, and lets the model be one more voice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from labelwheel.training.evaluation.doubts import doubts
from labelwheel.training.evaluation.label_errors import ENOUGH
from labelwheel.training.inspection.subject import Section, Subject

NAME = "voices"
MOST = 100_000
"""So many probabilities are kept; of more texts, a draw."""


class Voices:
    """Of questions with one answer: others have nobody to weigh."""

    name = NAME

    def look(self, subject: Subject) -> dict[str, Any]:
        """`values`, and by the example's `key` a probability of each; empty where there are none."""
        problem = subject.problem
        found = doubts(subject) if subject.kind.exclusive and len(problem) >= ENOUGH else None
        if found is None:
            return {}
        chances = np.round(np.asarray(found.chances), 4)
        order = np.random.default_rng(subject.seed).permutation(len(problem))[: MOST // chances.shape[1]]
        return {
            "values": [problem.id2label[place] for place in range(chances.shape[1])],
            "probabilities": {problem.rows[place].example.key: chances[place].tolist() for place in sorted(order)},
        }

    def render(self, found: Mapping[str, Any]) -> str:
        """Nothing for people."""
        return ""


VOICES: Section = Voices()
