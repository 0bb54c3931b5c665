"""Hidden states of several layers for each token, side by side, as the fast lane keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from labelwheel.training import encoders
from labelwheel.training.batches import forward
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.model import pad_token
from labelwheel.training.questions import Example, Question

LENGTH = 256


class Encoder:
    """The embedded base model with its tokenizer; a third, two thirds and all of its layers are read."""

    def __init__(self, question: Question) -> None:
        self._question, self._kind = question, kind_of(question)
        self._model, self._tokenizer = encoders.load(None, self._kind.config(question), self._kind.auto_class)
        depth = self._model.config.num_hidden_layers
        self._states = _States(self._model.base_model, [depth // 3, 2 * depth // 3, depth])

    def __call__(self, examples: Sequence[Example]) -> tuple[list[Encoding], list[np.ndarray]]:
        """Rows as the kind encodes them, and their features, (tokens, layers × width)."""
        rows = self._kind.encode(self._question, examples, self._tokenizer, LENGTH)
        return rows, forward(self._states, rows, pad_token(self._tokenizer), pick=lambda output: output)


class _States:
    """An encoder that answers with the states of some layers, as `forward` calls a model."""

    def __init__(self, encoder: Any, layers: Sequence[int]) -> None:
        self._encoder, self._layers = encoder, layers

    def parameters(self) -> Any:
        return self._encoder.parameters()

    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        said = self._encoder(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        return torch.cat([said.hidden_states[layer] for layer in self._layers], dim=-1)
