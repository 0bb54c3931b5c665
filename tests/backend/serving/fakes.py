"""An engine without torch whose answers name the version that gave them, so that a mixture cannot hide."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from labelwheel.training.checkpoints.checkpoint import Manifest, _sha256
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Kind, Option, Prediction, Question

LABELS = ("good", "bad", "so-so")


def question(name: str = "mood", **changes: Any) -> Question:
    values = {
        "name": name, "kind": Kind.CHOICE, "inputs": ("text",),
        "options": tuple(Option(value=label) for label in LABELS),
    }  # fmt: skip
    return Question(**(values | changes))


def example(text: str = "hello", key: str = "1") -> Example:
    return Example(key=key, fields={"text": text})


def write_checkpoint(
    folder: Path, version: str, asked: Question | None = None, settings: dict[str, Any] | None = None, **reports: str
) -> Path:
    """`settings` are those that it was trained with; `reports` are further files: report_md="…" becomes report.md."""
    folder.mkdir(parents=True)
    files = {"model.safetensors": f"the weights of {version}"}
    files |= {name.replace("_", "."): content for name, content in reports.items()}
    for name, content in files.items():
        (folder / name).write_text(content, "utf-8")
    manifest = Manifest(
        version=version, question=asked or question(), base_model="none", encoder_digest="0", recipe="names",
        max_length=64, label_set="0", label_count=0, seed=1, settings=settings or {},
        files={name: _sha256(folder / name) for name in files},
    )  # fmt: skip
    (folder / "labelwheel.json").write_text(manifest.model_dump_json())
    return folder


class FakeModel:
    """Answers every text with one label; its score carries the number at the end of its version (v12 → 0.0012)."""

    alive = 0
    manifest: Manifest

    def __init__(self, version: str, asked: Question, engine: FakeEngine) -> None:
        self.version, self.question, self._engine = version, asked, engine
        self.labels, self.width = LABELS, 3
        self.number = int("".join(filter(str.isdigit, version)) or 0)
        with engine.lock:
            engine.alive += 1

    def __del__(self) -> None:
        with self._engine.lock:
            self._engine.alive -= 1

    def encode(self, asked: Question, examples: list[Example]) -> list[Encoding]:
        return [Encoding(place, [1] * max(1, len(asked.text(each)) // 4)) for place, each in enumerate(examples)]

    size = 1000
    name, tokens, computing = "fake", False, {"arithmetic": "fake"}
    reading = "fake"

    @property
    def layered(self) -> FakeModel | None:
        return self if self._engine.layered else None

    @property
    def encoder(self) -> FakeModel:
        return self

    def rehearsals(self) -> tuple[()]:
        return ()

    def head(self, features: list[np.ndarray]) -> list[np.ndarray]:
        return features

    def features(self, encodings: list[Encoding]) -> list[np.ndarray]:
        with self._engine.lock:
            self._engine.batches.append((self.version, len(encodings)))
        if self._engine.seconds:
            time.sleep(self._engine.seconds)
        if self._engine.poison and any(len(row.input_ids) == self._engine.poison for row in encodings):
            raise RuntimeError("a poisonous row")
        return [np.full(3, float(self.number), dtype=np.float32) for _ in encodings]

    def decode(self, asked: Question, examples: Any, encodings: Any, logits: Any) -> list[Prediction]:
        answer = self._engine.answer
        return [Prediction(answer=answer, score=float(row[0]) / 10_000) for row in logits]


class FakeEngine:
    """Loads what `write_checkpoint` wrote. `broken` versions fail to load; `seconds` is what a batch takes."""

    batch_rows = 32
    batch_tokens = 100_000
    polite_tokens = 100_000
    lanes = 1

    def __init__(self, seconds: float = 0.0, load_seconds: float = 0.0, layered: bool = True) -> None:
        self.layered = layered
        self.seconds, self.load_seconds = seconds, load_seconds
        self.lock = threading.Lock()
        self.batches: list[tuple[str, int]] = []
        self.loads: list[str] = []
        self.broken: set[str] = set()
        self.alive = self.forgotten = self.poison = 0
        self.answer: Any = "good"

    def load(self, folder: Path, manifest: Manifest | None = None) -> FakeModel:
        manifest = manifest or Manifest.model_validate_json((Path(folder) / "labelwheel.json").read_text())
        self.loads.append(manifest.version)
        if self.load_seconds:
            time.sleep(self.load_seconds)
        if manifest.version in self.broken:
            raise RuntimeError("CUDA out of memory\nand a second line")
        model = FakeModel(manifest.version, manifest.question, self)
        model.manifest = manifest
        return model

    def forget(self) -> None:
        self.forgotten += 1
