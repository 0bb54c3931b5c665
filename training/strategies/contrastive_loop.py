"""Trains an encoder so that texts of one class lie together, and apart from those of others.

Supervised contrastive loss (Khosla et al. 2020, arXiv 2004.11362) in batches that have some texts of each of some
classes; tuning a sentence encoder by pairs before a plain head is SetFit's idea (Tunstall et al. 2022, arXiv
2209.11055). What a class is called is one more text of it, so that a name is a place in the same space as before, and
classes without a label keep out of the others' way.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelwheel.training import batches, card_share, encoders
from labelwheel.training.strategies.finetuning_loop import decayed
from labelwheel.training.strategies.precision import Precision, unwrapped

Tokens = Sequence[int]


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


@dataclass(frozen=True)
class Classes:
    """The texts of each class that has some, and what classes are called, as tokens; no names where they mislead."""

    texts: Mapping[int, Sequence[Tokens]]
    names: Mapping[int, Tokens]

    def batches(self, settings: Settings) -> Iterator[tuple[list[Tokens], list[int]]]:
        """Texts with their classes, without an end: as many of each of some classes, and their names or all."""
        chance = np.random.default_rng(settings.seed)
        there, size = sorted(self.texts), settings.batch_size
        while True:
            some = [there[place] for place in chance.permutation(len(there))[: max(2, size // _TOGETHER)]]
            most = max(_TOGETHER // 2, size // len(some))
            rows, numbers = list[Tokens](), list[int]()
            for number in some:
                texts = self.texts[number]
                chosen = [texts[place] for place in chance.permutation(len(texts))[:most]]
                rows, numbers = rows + chosen, numbers + [number] * len(chosen)
            named = self.names if len(self.names) <= size // 2 else set(some)
            for number in sorted(set(named) & set(self.names)):
                rows.append(self.names[number])
                numbers.append(number)
            yield rows, numbers


_TOGETHER = 4
"""So many texts of a class are in a batch where classes are too many for more."""

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
) -> Any:
    """Tunes a model's encoder in place, and returns it; its head stays as it is.

    Raises TimeoutError where it is not done by `deadline`, in the time of `time.monotonic`.
    """
    import torch
    from transformers import PrinterCallback, Trainer, TrainingArguments
    from transformers.integrations import KubeflowCallback

    caught: list[Any] = []

    class ContrastiveTrainer(Trainer):
        """Its loss is of what the head reads."""

        def compute_loss(self, model: Any, inputs: Any, *given: Any, **more: Any) -> Any:
            caught.clear()
            for part in inputs["parts"]:
                model(**part)
            return loss(torch.cat(caught), inputs["labels"], settings.temperature)

        def training_step(self, *given: Any, **more: Any) -> Any:
            with card_share.turn():
                return super().training_step(*given, **more)

    drawn = classes.batches(settings)

    def collate(chosen: Any) -> dict[str, Any]:
        rows, numbers = next(drawn)
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        cuts = [cut for cut in np.array_split(order, _PARTS) if len(cut)]
        parts = [batches.pad([rows[place] for place in cut], pad_token_id) for cut in cuts]
        return {"parts": parts, "labels": torch.as_tensor([numbers[place] for place in order])}

    last = encoders.head(model)
    hook = last.register_forward_pre_hook(lambda module, inputs: caught.append(inputs[0]))
    on_gpu = last.weight.device.type == "cuda"
    watcher = _watcher(settings.steps, progress, deadline)
    try:
        with tempfile.TemporaryDirectory(prefix="labelwheel-") as scratch:
            arguments = TrainingArguments(
                output_dir=scratch, max_steps=settings.steps, per_device_train_batch_size=1,
                warmup_steps=settings.warmup, lr_scheduler_type="linear", max_grad_norm=1.0, seed=settings.seed,
                bf16=settings.precision == "bfloat16", use_cpu=not on_gpu, dataloader_pin_memory=False,
                remove_unused_columns=False, label_names=["labels"], save_strategy="no", eval_strategy="no",
                logging_strategy="no", report_to="none", disable_tqdm=True,
            )  # fmt: skip
            trainer = ContrastiveTrainer(
                model=model, args=arguments, train_dataset=list(range(settings.steps)), data_collator=collate,
                callbacks=[watcher], optimizers=(_optimizer(model, settings), None),
            )  # fmt: skip
            trainer.remove_callback(PrinterCallback)
            trainer.remove_callback(KubeflowCallback)
            trainer.train()
    finally:
        hook.remove()
    if watcher.late:
        raise TimeoutError("the time was up before the encoder was tuned")
    return unwrapped(model).eval()


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


def _watcher(steps: int, progress: Callable[[float], None], deadline: float | None) -> Any:
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):
        """Tells how far it is, and stops when the time is up."""

        late = False

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            progress(state.global_step / steps)
            if deadline is not None and time.monotonic() > deadline and state.global_step < steps:
                self.late = control.should_training_stop = True

    return Watcher()
