"""What several layers of an encoder say of a text: with few labels more than its last one alone.

The layers at a third, two thirds and the end of the depth; for a text the mean of each over its tokens. They come from
the same pass as what the head reads. Measured on five sets of intents and topics (`benchmarks.labels`): a regression on
three layers is ahead of one on the last from some labels a class on.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from labelwheel.training import encoders

if TYPE_CHECKING:
    import numpy as np

    from labelwheel.training.kinds.base import Encoding


def chosen(config: Any) -> tuple[int, ...]:
    """The numbers of the layers, the first layer being 1; none where a model does not say how deep it is."""
    depth = int(getattr(config, "num_hidden_layers", 0) or 0) - bool(getattr(config, encoders.MEAN_LAYER, False))
    return tuple(sorted({max(1, round(depth / 3)), max(1, round(2 * depth / 3)), depth})) if depth > 0 else ()


class Layered:
    """Reads the chosen layers of a classifier while it runs. `found` is None where it keeps them to itself."""

    def __init__(self, module: Any) -> None:
        from torch import nn

        depth, self._numbers = getattr(module.config, "num_hidden_layers", None), chosen(module.config)
        stacks = (each for each in module.modules() if isinstance(each, nn.ModuleList))
        self._stack = next((each for each in stacks if len(each) == depth), None)
        self._tokens = "ForTokenClassification" in type(module).__name__

    @contextmanager
    def caught(self) -> Iterator[list[Any]]:
        """What the layers give while the module runs inside of the block, in their order."""
        states: list[Any] = []
        mine = threading.get_ident()

        def keep(_: Any, __: Any, output: Any) -> None:
            if threading.get_ident() == mine:  # other threads may run the same module
                states.append(output[0] if isinstance(output, tuple) else output)

        stack: Any = self._stack
        numbers = () if stack is None else self._numbers
        hooks = [stack[number - 1].register_forward_hook(keep) for number in numbers]
        try:
            yield states
        finally:
            for hook in hooks:
                hook.remove()

    def joined(self, states: list[Any], attention_mask: Any) -> Any | None:
        """Side by side: (rows, layers · width) of texts, (rows, tokens, layers · width) of tokens."""
        import torch

        shape = tuple(attention_mask.shape)
        if not states or len(states) != len(self._numbers) or any(tuple(one.shape[:2]) != shape for one in states):
            return None
        whole = torch.stack(states, dim=2)
        if self._tokens:
            return whole.flatten(2)
        mask = attention_mask[:, :, None, None].to(whole.dtype)
        return ((whole * mask).sum(1) / mask.sum(1).clamp(min=1)).flatten(1)


def behind(module: Any) -> Any | None:
    """A module around a classifier without its head, which answers with what the head reads and the layers behind it.

    None where a model keeps its layers to itself.
    """
    import torch
    from torch import nn

    from labelwheel.training import batches

    layered = Layered(module)

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module, self.config = module, module.config

        @property
        def device(self) -> Any:
            return self.module.device

        @property
        def dtype(self) -> Any:
            return self.module.dtype

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            with layered.caught() as states:
                output = self.module(input_ids=input_ids, attention_mask=attention_mask)
            found: Any = layered.joined(states, attention_mask)
            output.logits = torch.cat([output.logits, found.to(output.logits.dtype)], dim=-1)
            return output

    sample = batches.pad([[1, 2, 3], [1, 2]], 0, module.device)
    with torch.inference_mode(), layered.caught() as states:
        module(**sample)
    return Whole().eval() if layered.joined(states, sample["attention_mask"]) is not None else None


def read(
    module: Any, encodings: Sequence[Encoding], pad_token_id: int, batch_size: int = 32
) -> list[np.ndarray] | None:
    """What a classifier's head reads of each row and several layers behind it, in one pass.

    (features + layers · width,), or (tokens, …) of a token classifier. None where a model keeps its layers to itself.
    Raises InvalidJob where it has no head.
    """
    from labelwheel.training import batches

    whole = behind(encoders.without_head(copy.deepcopy(module)))
    return None if whole is None else batches.forward(whole, encodings, pad_token_id, batch_size)
