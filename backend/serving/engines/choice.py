"""Which engine serves a checkpoint: torch on a GPU, else what computes its graph soonest, else torch; or by name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from labelwheel.backend.devices import ON_CPU, gpu_in_sight
from labelwheel.backend.serving import foreign
from labelwheel.backend.serving.engine import Engine, Loaded
from labelwheel.backend.serving.engines import memory
from labelwheel.backend.serving.engines.onnx import OnnxEngine
from labelwheel.backend.serving.engines.pytorch import TorchEngine
from labelwheel.backend.serving.engines.trials import Trials
from labelwheel.training.checkpoints import checkpoint, plain_folder
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.onnx_export import openvino_session
from labelwheel.training.text_models.entry import TextModelEntry
from labelwheel.training.zero_shot.entry import ZeroShotEntry

Name = Literal["auto", "onnx", "openvino", "torch"]


class ChosenEngine:
    """One device with all engines; which of them, is decided when a checkpoint is loaded.

    With `auto` a CPU's engines are measured against each other; what was found is kept in the file `trials`. Without
    one nothing is measured, and the usual one computes.
    """

    def __init__(
        self, name: Name = "auto", device: str | None = None, cores: int | None = None, trials: Path | None = None
    ) -> None:
        self._name, self._device = name, device
        measured = name == "auto" and trials is not None and openvino_session.installed()
        self._onnx = OnnxEngine(cores, openvino=name == "openvino", trials=Trials(trials) if measured else None)
        self._torch = TorchEngine("cpu" if name in ON_CPU else device, cores)

    def load(self, folder: Path, manifest: Manifest | None = None) -> Loaded:
        manifest = manifest or checkpoint.read(folder).manifest
        return foreign.around(self._own(folder, manifest), folder)

    def _own(self, folder: Path, manifest: Manifest) -> Loaded:
        # the graph is that of the encoder, which these do without
        other = isinstance(manifest.foreign, TextModelEntry | ZeroShotEntry)
        if self._name != "torch" and manifest.artefact and not other and not self._on_gpu():
            return self._onnx.load(folder, manifest)
        return self._torch.load(folder, manifest)

    def load_any(self, folder: Path, field: str = "text") -> Loaded:
        """Also a plain transformers folder, which reads `field`, on torch; raises InvalidCheckpoint."""
        return self.load(folder, plain_folder.manifest(folder, field) if plain_folder.is_plain(folder) else None)

    def forget(self) -> None:
        memory.release()

    @property
    def lanes(self) -> int:
        return self._limits.lanes

    @property
    def batch_rows(self) -> int:
        return self._limits.batch_rows

    @property
    def batch_tokens(self) -> int:
        return self._limits.batch_tokens

    @property
    def polite_tokens(self) -> int:
        return self._limits.polite_tokens

    @property
    def _limits(self) -> Engine:
        # torch raises its own once a model is on a GPU, and both are alike on a CPU
        return self._torch

    def _on_gpu(self) -> bool:
        in_sight = gpu_in_sight(self._name, self._device)
        if self._device is not None or not in_sight:
            return in_sight
        from labelwheel.training.model import default_device

        return default_device() == "cuda"
