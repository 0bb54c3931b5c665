"""Trains an encoder so that texts of one class lie together, and apart from those of others.

Supervised contrastive loss (Khosla et al. 2020, arXiv 2004.11362) in batches that have some texts of each of some
classes; tuning a sentence encoder by pairs before a plain head is SetFit's idea (Tunstall et al. 2022, arXiv
2209.11055). What a class is called is one more text of it, so that a name is a place in the same space as before, and
classes without a label keep out of the others' way.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelwheel.training import batches, card_share, encoders
from labelwheel.training.ranks import blueprint, crew
from labelwheel.training.ranks.group import Group, Order
from labelwheel.training.strategies import coursework
from labelwheel.training.strategies.class_batches import Classes
from labelwheel.training.strategies.finetuning_loop import decayed
from labelwheel.training.strategies.precision import Precision, unwrapped


@dataclass(frozen=True)
class Settings:
    """How an encoder is tuned: `steps` batches of about `batch_size` texts; logits are cosines over `temperature`."""

    steps: int
    rate: float = 1e-4
    temperature: float = 0.1
    batch_size: int = 32
    warmup: float = 0.1
    decay: float = 0.01
    seed: int = 13
    precision: Precision = "float32"


_PARTS = 4
"""A batch goes through the encoder in so many parts of texts of like length, or half of it would be padding."""


def train(
    model: Any,
    classes: Classes,
    pad_token_id: int,
    settings: Settings,
    *,
    progress: Callable[[float], None] = lambda share: None,
    deadline: float | None = None,
    split: bool = False,
) -> Any:
    """Tunes a model's encoder in place, and returns it; its head stays as it is.

    `split` has the job's other processes take part: each reads a part of every batch, whose texts are compared with
    those of all. Raises TimeoutError where it is not done by `deadline`, in the time of `time.monotonic`.
    """

    def order() -> Order:
        head, arrays = coursework.of_classes(classes)
        given = {"do": "contrast", "blueprint": blueprint.of(model), "pad": pad_token_id, "settings": vars(settings)}
        return {**head, **given}, arrays

    with crew.at_work(order if split else None) as group:
        late = _fit(model, classes, pad_token_id, settings, progress, deadline, group)
    if late:
        raise TimeoutError("the time was up before the encoder was tuned")
    return unwrapped(model).eval()


def follow(model: Any, classes: Classes, pad_token_id: int, settings: dict[str, Any], group: Group) -> None:
    """Takes part in a training of the first process. The model is of no use then."""
    _fit(model, classes, pad_token_id, Settings(**settings), lambda share: None, None, group)


def _fit(
    model: Any,
    classes: Classes,
    pad_token_id: int,
    settings: Settings,
    progress: Callable[[float], None],
    deadline: float | None,
    group: Group | None,
) -> bool:
    """Whether the time was up before it was done."""
    import torch
    from transformers import PrinterCallback, Trainer, TrainingArguments
    from transformers.integrations import KubeflowCallback

    number, count = (group.place.number, group.place.total) if group else (0, 1)

    class ContrastiveTrainer(Trainer):
        """Its loss is of what the head reads."""

        def get_train_dataloader(self) -> Any:
            if group is None:
                return super().get_train_dataloader()
            # each process draws all batches, which are the same: there is nothing to deal out
            return torch.utils.data.DataLoader(self.train_dataset, collate_fn=collate)

        def compute_loss(self, model: Any, inputs: Any, *given: Any, **more: Any) -> Any:
            features = model(inputs["parts"]).float()
            if group is not None:
                features = group.gathered(features, inputs["counts"].tolist())
            # DDP averages over processes what is the gradient by each one's own texts
            return count * loss(features, inputs["labels"], settings.temperature)

        def training_step(self, *given: Any, **more: Any) -> Any:
            with card_share.turn():
                return super().training_step(*given, **more)

    drawn = classes.batches(settings.batch_size, settings.seed)

    def collate(chosen: Any) -> dict[str, Any]:
        rows, numbers = next(drawn)
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        dealt = [order[other::count] for other in range(count)]
        mine = dealt[number] or order[:1]
        cuts = [cut for cut in np.array_split(mine, max(1, _PARTS // count)) if len(cut)]
        parts = [batches.pad([rows[place] for place in cut], pad_token_id) for cut in cuts]
        labels = torch.as_tensor([numbers[place] for those in dealt for place in those])
        return {"parts": parts, "labels": labels, "counts": torch.as_tensor([len(those) for those in dealt])}

    optimizer, on_gpu = _optimizer(model, settings), encoders.head(model).weight.device.type == "cuda"
    watched = _watcher(settings.steps, progress, deadline, group)
    with tempfile.TemporaryDirectory(prefix="labelwheel-") as scratch, _reading(model) as read:
        arguments = TrainingArguments(
            output_dir=scratch, max_steps=settings.steps, per_device_train_batch_size=1,
            warmup_steps=settings.warmup, lr_scheduler_type="linear", max_grad_norm=1.0, seed=settings.seed,
            bf16=settings.precision == "bfloat16", use_cpu=not on_gpu, dataloader_pin_memory=False,
            remove_unused_columns=False, label_names=["labels"], save_strategy="no", eval_strategy="no",
            logging_strategy="no", report_to="none", disable_tqdm=True,
            ddp_find_unused_parameters=True,
        )  # fmt: skip

        trainer = ContrastiveTrainer(
            model=read, args=arguments, train_dataset=list(range(settings.steps)), data_collator=collate,
            callbacks=[watched], optimizers=(optimizer, None),
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(KubeflowCallback)
        trainer.train()
    return bool(watched.late)


@contextlib.contextmanager
def _reading(model: Any) -> Iterator[Any]:
    """The model as one that answers parts of a batch with what its head reads: one pass for whoever averages."""
    import torch

    class Reading(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, parts: Any) -> Any:
            caught.clear()
            for part in parts:
                self.model(**part)
            return torch.cat(caught)

    caught: list[Any] = []
    hook = encoders.head(model).register_forward_pre_hook(lambda module, inputs: caught.append(inputs[0]))
    try:
        yield Reading()
    finally:
        hook.remove()


def loss(features: Any, numbers: Any, temperature: float) -> Any:
    """The mean over texts that another one of their class is beside; features (texts, width), numbers (texts,)."""
    import torch

    unit = torch.nn.functional.normalize(features.float(), dim=1)
    same = torch.eye(len(numbers), dtype=torch.bool, device=unit.device)
    logits = (unit @ unit.T / temperature).masked_fill(same, -torch.inf)
    likely = (logits - logits.logsumexp(dim=1, keepdim=True)).masked_fill(same, 0.0)
    alike = (numbers[:, None] == numbers[None]) & ~same
    counts = alike.sum(dim=1)
    return -((likely * alike).sum(dim=1)[counts > 0] / counts[counts > 0]).mean()


def _optimizer(model: Any, settings: Settings) -> Any:
    import torch

    for parameter in [*encoders.still_parameters(model), *encoders.head(model).parameters()]:
        parameter.requires_grad_(False)
    body = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(decayed(body, settings.rate, settings.decay), fused=True)


def _watcher(steps: int, progress: Callable[[float], None], deadline: float | None, group: Group | None) -> Any:
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):
        """Tells how far it is, and stops when the time is up."""

        late = False

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            progress(state.global_step / steps)
            late = deadline is not None and time.monotonic() > deadline and state.global_step < steps
            if late if group is None else group.agreed(late):
                self.late = control.should_training_stop = True

    return Watcher()
