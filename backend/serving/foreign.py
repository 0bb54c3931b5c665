"""A checkpoint whose answers come from a foreign model, in a process that this one starts and ends.

It is swapped in as any other is: started, asked, and only then served. Where it ends or hangs later, the model beside
it in the same checkpoint answers meanwhile: no request fails, none waits for a start, and none is answered by a version
that went through no gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from labelwheel.backend.serving.engine import Encoder, Loaded
from labelwheel.backend.serving.loading import PROBES
from labelwheel.training import elsewhere
from labelwheel.training.elsewhere import Elsewhere
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Prediction, Question
from labelwheel.training.text_models.entry import TextModelEntry
from labelwheel.training.zero_shot.entry import ZeroShotEntry


class Passing(list[Prediction]):
    """Predictions of what stands in for a moment: nobody keeps them for the next one who asks."""


class ForeignServed:
    """Keeps the protocol of `engine.Loaded`: what is `below` reads texts, and answers where the foreign model does not.

    It keeps its layers to itself, so that no fast head stands on it: that would follow labels on another model.
    """

    width = None

    def __init__(self, below: Loaded, answers: Elsewhere) -> None:
        self.below, self.answers = below, answers
        self.version, self.question, self.manifest, self.labels = (
            below.version, below.question, below.manifest, below.labels,
        )  # fmt: skip
        self.encoder: Encoder = _Unlayered(below.encoder)

    @property
    def problem(self) -> str | None:
        """Why it does not answer at the moment; None while it does."""
        said = self.answers.problem
        return None if said is None else f"{said}; what lies beside it answers meanwhile"

    @property
    def reading(self) -> str:
        return self.below.reading

    def encode(self, question: Question, examples: Sequence[Example]) -> list[Encoding]:
        return self.below.encode(question, examples)

    def head(self, features: Sequence[np.ndarray]) -> list[np.ndarray]:
        return self.below.head(features)

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
    ) -> list[Prediction]:
        found = self.answers.predict(question, examples)
        whole = [one for one in found if one is not None]
        if len(whole) == len(found):
            return whole
        own = self.below.decode(question, examples, encodings, logits)
        return Passing(other if one is None else one for one, other in zip(found, own, strict=True))


class _Unlayered:
    """An encoder that says nothing of its layers."""

    layered = None

    def __init__(self, below: Encoder) -> None:
        self._below = below
        self.size, self.name, self.tokens = below.size, below.name, below.tokens
        self.computing = below.computing

    def rehearsals(self) -> Sequence[Callable[[], None]]:
        return self._below.rehearsals()

    def features(self, encodings: Sequence[Encoding]) -> list[np.ndarray]:
        return self._below.features(encodings)


def around(below: Loaded, folder: Path) -> Loaded:
    """What a checkpoint's manifest says that answers. Raises InvalidCheckpoint where that does not."""
    entry, question = below.manifest.foreign, below.question
    if entry is None or isinstance(entry, TextModelEntry | ZeroShotEntry):  # engines load these
        return below
    answers = elsewhere.answers(entry, below.version, question, folder)
    answers.check([Example(key=text[:9], fields=dict.fromkeys(question.inputs, text)) for text in PROBES])
    return ForeignServed(below, answers)
