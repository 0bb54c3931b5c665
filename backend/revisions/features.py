"""What the web process tells the fast lane of examples: one body in safetensors, from the champion that is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from labelwheel.training.heads.files import pack, unpack
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Prediction, Question

AT_ONCE = 64
"""Examples in one request: some tenths of a second of bulk work."""

_NAME = "features"


class FeatureSource(Protocol):
    """Where features come from: the web process's API."""

    def features(self, number: int, question: str, examples: list[dict[str, Any]]) -> bytes:
        """What `pack_features` wrote; raises LabelwheelError."""


@dataclass(frozen=True)
class Champion:
    """The checkpoint that features are from, as far as a head has to know it."""

    version: str
    recipe: str
    labels: tuple[str, ...]
    calibration: Mapping[str, float]
    width: int

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
    ) -> list[Prediction]:
        """Its own predictions, from what its last layer says of each row."""
        names = dict(enumerate(self.labels))
        return kind_of(question).decode(question, examples, encodings, logits, names, self.calibration)


@dataclass(frozen=True)
class Features:
    """Of each row the number of its example, its side, its features and the champion's logits.

    A row is a text, or where tokens are classified (tokens, …) of one, with the tokens' `offsets`. Of those there are
    no logits, but what the champion `answers` to each example: it need not go by its last layer.
    """

    champion: Champion
    places: np.ndarray
    features: Sequence[np.ndarray]
    logits: Sequence[np.ndarray]
    offsets: Sequence[np.ndarray]
    answers: Sequence[Prediction] = ()


def pack_features(
    champion: Champion,
    encodings: Sequence[Encoding],
    features: Sequence[np.ndarray],
    logits: Sequence[np.ndarray],
    answers: Sequence[Prediction] = (),
) -> bytes:
    """The body of an answer; features in half precision."""
    lengths = [one.shape[0] if one.ndim == 2 else 1 for one in features]
    offsets = [np.asarray(row.offsets or [(0, 0)] * length) for row, length in zip(encodings, lengths, strict=True)]
    tensors = {
        "places": np.asarray([(row.example, row.side) for row in encodings], dtype=np.int32).reshape(-1, 2),
        "lengths": np.asarray([length if one.ndim == 2 else 0 for one, length in zip(features, lengths, strict=True)]),
        "features": _stacked(features).astype(np.float16),
        "logits": _stacked(logits).astype(np.float32),
        "offsets": np.concatenate(offsets).astype(np.int32) if offsets else np.zeros((0, 2), dtype=np.int32),
    }
    about = {
        "version": champion.version, "recipe": champion.recipe, "labels": champion.labels,
        "calibration": dict(champion.calibration), "width": champion.width,
        "answers": [one.model_dump(mode="json") for one in answers],
    }  # fmt: skip
    return pack(_NAME, tensors, about)


def unpack_features(content: bytes) -> Features:
    """What was packed. Raises InvalidCheckpoint."""
    tensors, about = unpack(content)
    champion = Champion(
        about["version"], about["recipe"], tuple(about["labels"]), about["calibration"], int(about["width"])
    )
    lengths = tensors["lengths"]
    ends = np.cumsum(np.maximum(lengths, 1))[:-1]
    told = [name for name in ("features", "logits", "offsets") if len(lengths) and len(tensors[name])]
    split = {name: np.split(tensors[name], ends) for name in told}

    def rows(name: str) -> list[np.ndarray]:
        found = split.get(name, [])
        return [one if length else one[0] for one, length in zip(found, lengths, strict=bool(found))]

    answers = [Prediction.model_validate(one) for one in about["answers"]]
    offsets = list(split.get("offsets", []))
    return Features(champion, tensors["places"], rows("features"), rows("logits"), offsets, answers)


def asked(examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Examples as the API takes them."""
    return [example.model_dump(mode="json") for example in examples]


def _stacked(rows: Sequence[np.ndarray]) -> np.ndarray:
    if not rows:
        return np.zeros((0, 1), dtype=np.float32)
    return np.concatenate([np.atleast_2d(one) for one in rows])
