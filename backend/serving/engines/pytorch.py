"""Torch: bfloat16 and fused attention on a GPU, float32 on a CPU where a checkpoint has no ONNX graph.

Nothing here imports torch before a model is loaded: CUDA does not survive a fork, torch on a CPU hangs in one, and the
gunicorn master has to be able to fork.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labelwheel.backend.serving.cores import available
from labelwheel.backend.serving.engine import Loaded
from labelwheel.backend.serving.engines import cuda_graphs, memory, text_writer, weights
from labelwheel.backend.serving.engines.loaded_checkpoint import LoadedCheckpoint
from labelwheel.backend.serving.engines.recorded_passes import Record, RecordedPasses
from labelwheel.backend.serving.engines.zero_shot_checkpoint import LoadedZeroShot
from labelwheel.backend.serving.headed import Headed
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.errors import OutOfMemory
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.text_models.entry import TextModelEntry
from labelwheel.training.zero_shot.entry import ZeroShotEntry


class TorchEngine:
    """Runs a checkpoint as training does: `labelwheel.training.model.Model` on one device.

    On a CPU each core computes a batch of its own, unless `per_batch` is higher: torch's threads spin while they wait,
    and beside other work on two cores two of them take four times as long as one. `recorder` says what records passes
    of few short texts on a device, if anything.
    """

    def __init__(
        self,
        device: str | None = None,
        cores: int | None = None,
        per_batch: int = 1,
        recorder: Callable[[Any], Record | None] = cuda_graphs.recorder,
    ) -> None:
        self.device, self._per_batch, self._recorder = device, per_batch, recorder
        self.lanes = max(1, (cores or available()) // per_batch)
        self.batch_rows, self.batch_tokens, self.polite_tokens = 32, 512, 64
        self._encoders: weakref.WeakValueDictionary[str, TorchEncoder] = weakref.WeakValueDictionary()

    def load(self, folder: Path, manifest: Manifest | None = None) -> Loaded:
        import torch

        try:
            return self._load(folder, manifest)
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(f"{folder} does not fit into the memory of {self.device or 'the GPU'}") from error

    def _load(self, folder: Path, manifest: Manifest | None) -> Loaded:
        # weights come from the checkpoint's folder: nothing may look for them, or for code, on a hub
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        from labelwheel.training import encoders, layers
        from labelwheel.training.model import Model, default_device, pad_token
        from labelwheel.training.onnx_export.session import Head

        manifest = manifest or checkpoint.read(folder).manifest
        if isinstance(manifest.foreign, TextModelEntry):
            writer = text_writer.load(folder, manifest, self.device or default_device(), self._per_batch)
            self._take(writer.device)
            return writer
        if isinstance(manifest.foreign, ZeroShotEntry):
            return self._zero_shot(folder, manifest, manifest.foreign)
        model = Model.load(folder, self.device, self._per_batch, manifest)
        self._take(model.device)
        pad, most = pad_token(model.tokenizer), encoders.longest(model.module, model.tokenizer)
        if not _ends_with_head(model.module, pad):
            encoder, head = TorchEncoder(model.module, pad, most, self._recorder, str(folder)), None
        else:
            head = Head.of(model.module)  # in float32 everywhere
            key = f"{model.manifest.encoder_digest or folder} {model.device} {pad}"
            shared = self._encoders.get(key)
            if shared is None:
                headless = encoders.without_head(model.module)
                whole = layers.behind(headless)
                deep = whole and LayeredTorchEncoder(whole, pad, most, lambda device: None, f"{key} layered")
                shared = TorchEncoder(headless, pad, most, self._recorder, key, deep)
                self._encoders[key] = shared
            encoder = shared
        found = LoadedCheckpoint(model.manifest, encoder, head, model.tokenizer, model.id2label)
        return found if model.head is None else Headed(found, model.head, found.version)

    def _zero_shot(self, folder: Path, manifest: Manifest, entry: ZeroShotEntry) -> Loaded:
        import torch

        from labelwheel.training.model import default_device
        from labelwheel.training.zero_shot import answers

        torch.set_num_threads(self._per_batch)
        device = self.device or default_device()
        found = answers.load(entry, manifest.version, manifest.question, folder, device)
        self._take(device)
        key = f"zero-shot {entry.base_digest} {device}"
        encoder = self._encoders.get(key)
        if encoder is None:
            model = found.model
            encoder = TorchEncoder(model.module, model.pad, model.longest, lambda device: None, key)
            self._encoders[key] = encoder
        return LoadedZeroShot(manifest, found, encoder)

    def _take(self, device: str) -> None:
        """A GPU computes one large batch at a time."""
        if device.startswith("cuda"):
            self.lanes, self.batch_rows, self.batch_tokens, self.polite_tokens = 1, 128, 32_768, 8_192

    def forget(self) -> None:
        memory.release()


class TorchEncoder:
    """A transformers module on its device, in evaluation mode, which takes `longest` tokens at most.

    `layered` is one around the same weights.
    """

    def __init__(
        self,
        module: Any,
        pad_token_id: int,
        longest: int,
        recorder: Callable[[Any], Record | None],
        name: str = "",
        layered: TorchEncoder | None = None,
    ) -> None:
        self.name, self._layered = name, layered
        self.tokens = "ForTokenClassification" in type(getattr(module, "module", module)).__name__
        if module.device.type == "cuda":
            import torch

            # half the memory, and no kernel that only casts; of 412 messages all have the same answer in bfloat16
            module.to(torch.bfloat16)
        self._module, self._pad_token_id = module, pad_token_id
        self.size, self.computing = weights.size(module), weights.computing(module)
        record = recorder(module.device)
        self.recorded = None if record is None else RecordedPasses(module, pad_token_id, longest, record)

    @property
    def layered(self) -> TorchEncoder | None:
        return self._layered

    def rehearsals(self) -> Sequence[Callable[[], None]]:
        return () if self.recorded is None else self.recorded.rehearsals()

    def features(self, encodings: Sequence[Encoding]) -> list[np.ndarray]:
        import torch

        from labelwheel.training import batches

        found = None if self.recorded is None else self.recorded.features(encodings)
        if found is not None:
            return found
        try:
            return batches.forward(self._module, encodings, self._pad_token_id, max(1, len(encodings)))
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(
                f"{self._module.device} has too little memory for a single text; try again when its other work is done"
            ) from error


class LayeredTorchEncoder(TorchEncoder):
    """One whose rows have the layers already.

    It is its own `layered` where each token has its row. Those of whole texts would be kept by the feature store then,
    which has only been measured beside ONNX Runtime.
    """

    @property
    def layered(self) -> TorchEncoder | None:
        return self if self.tokens else None


def _ends_with_head(module: Any, pad_token_id: int) -> bool:
    """Whether the last Linear's output is the answer as it is: some architectures go on behind it."""
    import torch

    from labelwheel.training import batches, encoders
    from labelwheel.training.errors import InvalidJob

    try:
        last = encoders.head(module)
    except InvalidJob:
        return False
    caught: list[Any] = []
    hook = last.register_forward_hook(lambda _, __, output: caught.append(output))
    try:
        with torch.inference_mode():
            answer = module(**batches.pad([[1, 2, 3], [1, 2]], pad_token_id, module.device)).logits
    finally:
        hook.remove()
    return len(caught) == 1 and torch.equal(caught[0], answer)
