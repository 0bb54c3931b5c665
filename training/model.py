"""A checkpoint in memory: what answers, in training's measurements and in serving alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from labelwheel.training import batches, elsewhere, encoders, layers
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.elsewhere import Elsewhere
from labelwheel.training.errors import InvalidCheckpoint, OutOfMemory
from labelwheel.training.heads import files
from labelwheel.training.heads.base import FastHead
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding, QuestionKind
from labelwheel.training.questions import Example, Prediction, Question

TRIES = 3
"""So often a foreign model may fail as it is measured; what it does not answer then, the model beside it does."""


@dataclass(frozen=True, slots=True)
class Model:
    """A checkpoint that is loaded on one device, in evaluation mode. Several threads may use it at once."""

    manifest: Manifest
    kind: QuestionKind
    module: Any
    tokenizer: Any
    id2label: Mapping[int, str]
    head: FastHead | None = None
    """What answers in the place of the last layer, where there is one."""
    foreign: Elsewhere | None = None
    """What answers in the place of all this, from elsewhere, wherever it does."""

    @classmethod
    def load(
        cls,
        folder: str | Path,
        device: str | None = None,
        threads: int | None = None,
        manifest: Manifest | None = None,
    ) -> Model:
        """Verify and load a checkpoint; `device` None takes a GPU where there is one, `threads` is torch's own count.

        A `manifest` is given where the caller has verified the folder, or where it has none.

        Raises InvalidCheckpoint where the folder is not what its manifest says, or transformers cannot read it.
        """
        import torch
        import transformers

        manifest = manifest or checkpoint.read(folder).manifest
        kind = kind_of(manifest.question)
        if threads:
            torch.set_num_threads(threads)
        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            with batches.quiet():
                module = getattr(transformers, kind.auto_class).from_pretrained(
                    folder, use_safetensors=True, dtype=torch.float32, **local
                )
                tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **local)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise InvalidCheckpoint(
                f"{folder} cannot be loaded ({type(error).__name__}: {str(error).splitlines()[0]}); "
                "roll back or train anew"
            ) from error
        try:
            module.to(device or default_device()).eval()
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(f"{folder} does not fit into the memory of {device or default_device()}") from error
        id2label = {int(index): str(label) for index, label in module.config.id2label.items()}
        head = files.read(Path(folder) / manifest.head) if manifest.head else None
        return cls(
            manifest, kind, module, tokenizer, id2label, head, _foreign(Path(folder), manifest, str(module.device))
        )

    @property
    def device(self) -> str:
        """Where it runs, such as `cpu` or `cuda:0`."""
        return str(self.module.device)

    def logits(self, encodings: Sequence[Encoding], batch_size: int = 32) -> list[np.ndarray]:
        """What the last layer says to each row, float32, in order; bfloat16 inside on a GPU."""
        return batches.forward(self.module, encodings, pad_token(self.tokenizer), batch_size)

    def predict(self, question: Question, examples: Sequence[Example], batch_size: int = 32) -> list[Prediction]:
        """One prediction per example, in order. Raises InvalidCheckpoint where a head finds no layers to stand on."""
        if self.foreign is not None:
            found = self.foreign.predict(question, examples)
            left = [example for example, one in zip(examples, found, strict=True) if one is None]
            own = iter(replace(self, foreign=None).predict(question, left, batch_size) if left else ())
            return [next(own) if one is None else one for one in found]
        encodings = self.kind.encode(question, examples, self.tokenizer, self.manifest.max_length)
        if self.head is not None:
            features = layers.read(self.module, encodings, pad_token(self.tokenizer), batch_size)
            if features is None:
                raise InvalidCheckpoint(f"{self.manifest.version} keeps its layers to itself; roll back or train anew")
            values = self.head.values(features, last_layer(self.module, features))
            return self.head.decode(question, examples, encodings, values)
        logits = self.logits(encodings, batch_size)
        return self.kind.decode(question, examples, encodings, logits, self.id2label, self.manifest.calibration)


def last_layer(module: Any, features: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What a module's own last layer says of rows as `layers.read` gives them, for a head that stands on it."""
    weight, bias = encoders.read_head(module)
    return [(row[..., : weight.shape[1]] @ weight.T + bias).astype(np.float32) for row in features]


def _foreign(folder: Path, manifest: Manifest, device: str) -> Elsewhere | None:
    if manifest.foreign is None:
        return None
    return elsewhere.answers(manifest.foreign, manifest.version, manifest.question, folder, TRIES, device)


def default_device() -> str:
    """`cuda` where there is one, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def pad_token(tokenizer: Any) -> int:
    """What a short row is filled up with; it is masked, so that any token will do where a tokenizer has none."""
    return int(tokenizer.pad_token_id) if tokenizer.pad_token_id is not None else 0
