"""A champion of a walk through labels: what it says of each text of a field, as serving tells the fast lane."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.labels.field import LENGTH, Field
from labelwheel.backend.revisions.features import Champion
from labelwheel.training import encoders, layers
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.heads.bench import labels_of
from labelwheel.training.heads.space import Space
from labelwheel.training.heads.standing import UNTRAINED, Standing
from labelwheel.training.model import Model
from labelwheel.training.questions import Prediction
from labelwheel.training.spec import Recipe
from labelwheel.training.strategies.label_names import names_head, settled


@dataclass(frozen=True, eq=False)
class Served:
    """`whole` (texts, all features) and `logits` (texts, labels) of all of the field's texts."""

    field: Field
    model: Model
    whole: np.ndarray
    logits: np.ndarray

    @classmethod
    def names(cls, field: Field) -> Served:
        """What is served before the first label."""
        stage = field.stage
        assert stage.said is not None
        module = copy.deepcopy(stage.base)
        head = names_head(stage.said[0], stage.kind)
        encoders.write_head(module, head.weight / stage.said[1], head.bias)
        return cls.of(field, module, Recipe.NAMES, settled(stage.kind), 0)

    @classmethod
    def of(cls, field: Field, module: Any, recipe: str, calibration: dict[str, float], labels: int) -> Served:
        """What came of a round on so many labels; a tuned encoder reads all texts anew."""
        stage, question = field.stage, field.stage.question
        manifest = Manifest(
            version=f"{recipe}-{labels}", question=question, base_model="", encoder_digest="", recipe=recipe,
            max_length=LENGTH, calibration=calibration, label_set="", label_count=labels, seed=0,
        )  # fmt: skip
        model = Model(manifest, stage.kind, module, stage.tokenizer, stage.id2label)
        whole = field.whole if recipe in UNTRAINED else _whole(field, module)
        weight, bias = encoders.read_head(module)
        return cls(field, model, whole, whole[:, : field.width] @ weight.T + bias)

    @cached_property
    def about(self) -> Champion:
        """What the fast lane knows of it."""
        manifest = self.model.manifest
        labels = labels_of(self.field.stage.question)
        return Champion(manifest.version, manifest.recipe, labels, manifest.calibration, self.field.width)

    @cached_property
    def standing(self) -> Standing:
        """What fast heads stand on: the names where the encoder was left alone, else what this one says."""
        said = self.field.stage.said if self.about.recipe in UNTRAINED else None
        names = None if said is None else said[0].astype(np.float32)
        return Standing(self.about.labels, self.about.calibration, self.about.width, names)

    @cached_property
    def space(self) -> Space:
        """Where fast heads live."""
        if self.whole is self.field.whole:
            return self.field.space
        return Space.of(self.whole[list(self.field.pool)], self.field.width)

    def answer(self, places: Sequence[int]) -> list[Prediction]:
        """Its own suggestions."""
        return self.field.decode(places, self.logits[list(places)], self.about.calibration)


def _whole(field: Field, module: Any) -> np.ndarray:
    """What the head reads of each text and several layers behind it, in one pass."""
    found = layers.read(module, list(field.stage.encodings), field.stage.tokenizer.pad_token_id)
    assert found is not None
    return np.stack(found)
