"""The fast head of whole texts: a regression on several layers, beside what was known before the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from labelwheel.training.heads.blend import Blend, Counts
from labelwheel.training.heads.files import pack
from labelwheel.training.heads.layered import joined
from labelwheel.training.heads.standing import Standing
from labelwheel.training.heads.ticks import Ticks
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Prediction, Question


@dataclass(frozen=True)
class LinearHead:
    """`weight` (labels, layers · width), `bias` (labels,), `common` (layers, width) as in `heads.layered`.

    With a `blend` what the standing says counts beside the regression on labels with these `counts`, as those know;
    without one the regression was fitted on top of it. Numbers are learnt with mean 0 and deviation 1: `mean` and
    `scale` bring them back.
    """

    kind: str
    labels: tuple[str, ...]
    standing: Standing
    common: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    counts: Counts
    blend: Blend | None = None
    mean: float = 0.0
    scale: float = 1.0
    calibration: Mapping[str, float] = field(default_factory=dict)
    name = "linear"

    def values(self, features: Sequence[np.ndarray], champion: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Logits of each row, (labels,)."""
        if not len(features):
            return []
        rows = np.stack(features)
        prior = self.standing.prior(kind_of(self.kind), rows, np.stack(champion), self.labels)
        learnt = joined(rows, self.standing.width, self.common) @ self.weight.T + self.bias
        found = self.counts.together(learnt, (prior - self.mean) / self.scale, self.blend)
        return list((found * self.scale + self.mean).astype(np.float32))

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        values: Sequence[np.ndarray],
    ) -> list[Prediction]:
        """One prediction per example, in order; as the kind decodes a checkpoint's logits."""
        names = dict(enumerate(self.labels))
        return kind_of(question).decode(question, examples, encodings, values, names, self.calibration)

    def dump(self) -> bytes:
        """As safetensors; the regression in half precision, which changes its answers less than int8 does."""
        tensors = {"weight": self.weight.astype(np.float16), "bias": self.bias, "common": self.common}
        tensors |= {"counts": self.counts.counts.astype(np.int64)}
        if self.standing.names is not None:
            tensors["names"] = self.standing.names.astype(np.float16)
        about = {
            "kind": self.kind, "labels": self.labels, "mean": self.mean, "scale": self.scale,
            "blend": asdict(self.blend) if self.blend else None, "calibration": dict(self.calibration),
            "standing": self.standing.about(), "elsewhere": self.counts.elsewhere,
            "texts": self.counts.texts if isinstance(self.counts, Ticks) else None,
        }  # fmt: skip
        return pack(self.name, tensors, about)

    @classmethod
    def read(cls, tensors: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> LinearHead:
        """What `dump` wrote."""
        return cls(
            str(about["kind"]),
            tuple(about["labels"]),
            Standing.read(about["standing"], tensors.get("names")),
            tensors["common"],
            tensors["weight"].astype(np.float32),
            tensors["bias"],
            _counts(tensors["counts"], float(about.get("elsewhere", 0.0)), about.get("texts")),
            Blend(**about["blend"]) if about["blend"] else None,
            float(about["mean"]),
            float(about["scale"]),
            dict(about["calibration"]),
        )


def _counts(counts: np.ndarray, elsewhere: float, texts: int | None) -> Counts:
    return Counts(counts, elsewhere) if texts is None else Ticks(counts, elsewhere, texts)
