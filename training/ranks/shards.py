"""A model that is trained in shards, of which each process has one: for what does not fit one card with its optimizer.

Torch's FSDP2: a layer is put together for as long as it is computed with. Weights, gradients and AdamW's moments are
divided; what is measured and written is put together again by the first process, in the host's memory.
"""

from __future__ import annotations

from typing import Any

from labelwheel.training import encoders
from labelwheel.training.ranks import blueprint
from labelwheel.training.ranks.group import Group


class Shards:
    """`whole` is the first process's model, in the host's memory; None in the others. All of them make one at once."""

    def __init__(self, found: blueprint.Blueprint, group: Group, whole: Any | None = None) -> None:
        from transformers.distributed import DistributedConfig

        self.whole, self._device = whole, group.device
        self.model = blueprint.build(found, "cpu")
        if whole is not None:
            self.model.load_state_dict(whole.state_dict())
        for each in (*self.model.parameters(), *self.model.buffers()):
            group.spread(each.data)
        for parameter in encoders.still_parameters(self.model):
            parameter.requires_grad_(False)
        _divide(self.model, group)
        # the trainer leaves a model alone that says so, as one that was loaded in shards: it would wrap it for DDP
        self.model._is_distributed_loading_by_transformers = True
        self.model.config.distributed_config = DistributedConfig(fsdp_size=group.place.total)

    def gather(self) -> Any | None:
        """What has been learnt, in `whole`; all processes have to ask. It is on the device then."""
        import torch

        if self.whole is not None:
            self.whole.to("cpu")
        into = {} if self.whole is None else dict(self.whole.named_parameters())
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                if parameter.requires_grad:
                    found = parameter.full_tensor()
                    if into:
                        into[name].copy_(found)
        return None if self.whole is None else self.whole.to(self._device)

    def make_room(self) -> None:
        """The whole model leaves the device."""
        if self.whole is not None and self._device.startswith("cuda"):
            self.whole.to("cpu")


def _divide(model: Any, group: Group) -> None:
    from torch import nn
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(group.device.partition(":")[0], (group.place.total,))
    stacks = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    layers = max(stacks, key=lambda stack: sum(each.numel() for each in stack.parameters()), default=())
    for layer in layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
