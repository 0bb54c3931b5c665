"""What several layers of the frozen encoder say of a text: more than its last one, from some labels a class on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from labelwheel.training.batches import forward
from labelwheel.training.kinds.base import Encoding

LAYERS = (2, 4, 6)


def pooled(model: Any, encodings: Sequence[Encoding], pad_token_id: int) -> np.ndarray:
    """The means over tokens of `LAYERS`, (texts, layers, features)."""
    rows = np.stack(forward(_Means(model.base_model), encodings, pad_token_id, pick=lambda output: output))
    return rows.reshape(len(rows), len(LAYERS), -1)


class _Means:
    """An encoder that answers with its layers' means, as `forward` calls a model."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder

    def parameters(self) -> Any:
        return self._encoder.parameters()

    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        said = self._encoder(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        mask = attention_mask[..., None].float()
        means = [(said.hidden_states[layer] * mask).sum(1) / mask.sum(1) for layer in LAYERS]
        return torch.cat(means, dim=1)
