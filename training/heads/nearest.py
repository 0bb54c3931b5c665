"""The head that answers with what people wrote about the nearest texts, what they copied put in anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from labelwheel.training.heads import slots
from labelwheel.training.heads.files import pack
from labelwheel.training.heads.layered import unit
from labelwheel.training.heads.slots import Frame, Slot, Words
from labelwheel.training.heads.text_sureness import Sureness
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Prediction, Question

LOOKED_AT = 20
"""So many of the nearest texts are asked."""
BESIDE = 5
"""So many of the best are held against each other, to say how sure an answer is."""
FEATURES = 4
"""How many numbers say how sure an answer is; see `Chosen.row`."""


class Manner(NamedTuple):
    """How one of the nearest answers is chosen: each place that does not fit costs `penalty` of the cosine.

    Of the best `voices` the one is taken that has to be changed least to be the others.
    """

    penalty: float
    voices: int


class Candidate(NamedTuple):
    """The answer of one labelled text: its cosine, how many places do not fit, and its texts."""

    near: float
    misfit: int
    texts: list[str]

    @property
    def line(self) -> str:
        """As answers are compared."""
        return "\n".join(self.texts)


class Chosen(NamedTuple):
    """What is answered: how near and how fitting it is, and how far the best others are from it."""

    texts: list[str]
    near: float
    misfit: int
    apart: float

    @property
    def row(self) -> np.ndarray:
        """What says how sure it is, (FEATURES,), with a constant at its end."""
        return np.array([self.near, min(self.misfit, 3) / 3, self.apart, 1.0])


@dataclass(frozen=True, eq=False)
class Labelled:
    """Answered texts: features of length 1 (texts, width), their answers, and what those copied from where."""

    features: np.ndarray
    answers: Sequence[Sequence[str]]
    copied: Sequence[Sequence[Slot]]
    frames: Sequence[Frame]

    @classmethod
    def of(cls, features: np.ndarray, texts: Sequence[str], answers: Sequence[Sequence[str]]) -> Labelled:
        """Learns the frames, and which of them each answer copied from."""
        lines = ["\n".join(answer) for answer in answers]
        frames = slots.learn(texts, lines)
        copied = [
            [slot for slot in slots.slots(Words(text), frames) if slots.mentions(answer, slot.content)]
            for text, answer in zip(texts, lines, strict=True)
        ]
        return cls(features, answers, copied, frames)

    def candidates(self, features: np.ndarray, text: str) -> list[Candidate]:
        """The answers of the nearest texts to one, its features of length 1, the nearest first."""
        near = self.features.astype(np.float32) @ features.astype(np.float32)
        there = slots.slots(Words(text), self.frames)
        found = []
        for place in np.argsort(-near, kind="stable")[:LOOKED_AT]:
            filled, misfit = slots.refilled(self.answers[place], self.copied[place], text, there)
            found.append(Candidate(float(near[place]), misfit, filled))
        return found


def choose(candidates: Sequence[Candidate], manner: Manner) -> Chosen:
    """One of at least one candidate."""
    ranked = sorted(candidates, key=lambda one: manner.penalty * one.misfit - one.near)
    best = ranked[: max(BESIDE, manner.voices)]
    lines = [one.line for one in best]
    apart = process.cdist(lines, lines, scorer=Levenshtein.normalized_distance)
    voices = apart[: manner.voices, : manner.voices]
    place = int(np.argmin(voices.sum(axis=1)))
    others = [value for other, value in enumerate(apart[place]) if other != place]
    one = best[place]
    return Chosen(one.texts, one.near, one.misfit, float(np.mean(others)) if others else 1.0)


@dataclass(frozen=True, eq=False)
class NearestHead:
    """See `heads.base.FastHead`. It holds people's answers: whoever has its file can read them."""

    labelled: Labelled
    manner: Manner
    sureness: Sureness
    name = "nearest"

    def values(self, features: Sequence[np.ndarray], champion: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What the model's own head reads of each row, (width,), of length 1."""
        width = self.labelled.features.shape[1]
        return list(unit(np.stack([row[:width] for row in features]).astype(np.float64))) if len(features) else []

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        values: Sequence[np.ndarray],
    ) -> list[Prediction]:
        found = [Prediction()] * len(examples)
        for row, features in zip(encodings, values, strict=True):
            example = examples[row.example]
            candidates = self.labelled.candidates(features, question.texts(example)[0])
            chosen = choose(candidates, self.manner)
            found[row.example] = self.sureness.prediction(question, example, chosen.row, chosen.texts)
        return found

    def dump(self) -> bytes:
        labelled, sureness = self.labelled, self.sureness
        tensors = {"features": labelled.features.astype(np.float16), "exact": sureness.exact, "edits": sureness.edits}
        about = {
            "answers": labelled.answers, "copied": labelled.copied, "frames": labelled.frames,
            "manner": self.manner._asdict(),
        }  # fmt: skip
        return pack(self.name, tensors, about)

    @classmethod
    def read(cls, tensors: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> NearestHead:
        """What `dump` wrote. Raises ValueError where its parts do not belong together."""
        frames = [Frame(tuple(left), right) for left, right in about["frames"]]
        copied = [[Slot(int(frame), content) for frame, content in each] for each in about["copied"]]
        labelled = Labelled(tensors["features"], about["answers"], copied, frames)
        if not len(labelled.features) == len(labelled.answers) == len(copied) > 0:
            raise ValueError("as many answers as features, and one at least")
        return cls(labelled, Manner(**about["manner"]), Sureness(tensors["exact"], tensors["edits"]))
