"""The loop in which a text model learns answers: transformers.Trainer on adapters, epoch by epoch, keeping the best."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from labelwheel.training import card_share
from labelwheel.training.strategies import adapters
from labelwheel.training.strategies.epoch_watch import History, Watched, watcher
from labelwheel.training.strategies.finetuning_loop import Settings, decayed
from labelwheel.training.strategies.length_pools import LengthPools
from labelwheel.training.text_models.pretrained import TextModel

IGNORED = -100
"""What transformers leaves out of a loss."""

_MEASURED_AT_ONCE = 16


class Pair(NamedTuple):
    """Tokens that are read, and those that are to be written."""

    read: list[int]
    written: list[int]

    @property
    def size(self) -> int:
        """Tokens of both."""
        return len(self.read) + len(self.written)


def fresh(model: TextModel, seed: int) -> Any:
    """Its module with adapters that change nothing yet; the weights below are shared."""
    return adapters.fresh_writer(model.module, seed)


def train(
    model: TextModel,
    module: Any,
    pairs: Sequence[Pair],
    settings: Settings,
    measured: Sequence[Pair] | None,
    *,
    stop_after: int | None = None,
    progress: Callable[[float], None] = lambda share: None,
    deadline: float | None = None,
) -> History:
    """Trains a module of `fresh` in place; with `measured` pairs it ends as it was after its best epoch.

    `stop_after` ends the schedule early, as early stopping would have. `deadline` is in the time of `time.monotonic`.
    """
    from transformers import PrinterCallback, Trainer, TrainingArguments
    from transformers.integrations import KubeflowCallback

    history, on_gpu = History(), next(module.parameters()).device.type == "cuda"
    watched = Watched(
        history, settings.epochs, settings.patience,
        None if measured is None else lambda trained: _watched(model, trained, measured),
        stop_after, progress, deadline, None,
    )  # fmt: skip
    pools = LengthPools([pair.size for pair in pairs], settings.batch_size * settings.accumulation, settings.seed)

    class PooledTrainer(Trainer):
        """Learns from texts of like length together."""

        def _get_train_sampler(self, train_dataset: Any = None) -> LengthPools:
            return pools

    with tempfile.TemporaryDirectory(prefix="labelwheel-") as scratch:
        arguments = TrainingArguments(
            output_dir=scratch, num_train_epochs=settings.epochs, per_device_train_batch_size=settings.batch_size,
            gradient_accumulation_steps=settings.accumulation, warmup_steps=settings.warmup,
            lr_scheduler_type="linear", max_grad_norm=1.0, seed=settings.seed, data_seed=settings.seed,
            use_cpu=not on_gpu, dataloader_pin_memory=on_gpu, remove_unused_columns=False, label_names=["labels"],
            logging_nan_inf_filter=False, save_strategy="no", eval_strategy="no", logging_strategy="epoch",
            report_to="none", disable_tqdm=True,
        )  # fmt: skip
        learnt = [parameter for parameter in module.parameters() if parameter.requires_grad]
        trainer = card_share.polite(PooledTrainer)(
            model=module,
            args=arguments,
            train_dataset=list(range(len(pairs))),
            data_collator=lambda chosen: collate(model, [pairs[place] for place in chosen]),
            compute_loss_func=lambda outputs, labels, num_items_in_batch=None: (
                loss(model, outputs, labels)
                / (num_items_in_batch if num_items_in_batch is not None else labels.ne(IGNORED).sum())
            ),
            callbacks=[watcher(watched)],
            optimizers=(_optimizer(learnt, settings), None),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(KubeflowCallback)  # it would count each fold as a whole job
        trainer.train()
    module.eval()
    return history


def step_seconds(model: TextModel, module: Any, pairs: Sequence[Pair], settings: Settings) -> float:
    """How long a step on a batch of middling length takes; the first one warms up."""
    import torch

    size = settings.batch_size
    order = sorted(range(len(pairs)), key=lambda place: pairs[place].size)
    middle = max(0, len(order) // 2 - size // 2)
    batch = collate(model, [pairs[place] for place in order[middle : middle + size]])
    device, seconds = next(module.parameters()).device, 0.0
    labels = batch.pop("labels").to(device)
    module.train()
    for _ in range(2):
        begin = time.monotonic()
        output = module(**{name: value.to(device) for name, value in batch.items()})
        loss(model, output, labels).backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds = time.monotonic() - begin
    module.zero_grad()
    return seconds * settings.accumulation * card_share.slowdown()


def collate(model: TextModel, pairs: Sequence[Pair]) -> dict[str, Any]:
    """A padded batch with labels, and what a decoder is given where there is one."""
    import torch

    if model.reads_apart:
        read, written = [pair.read for pair in pairs], [pair.written for pair in pairs]
    else:  # what is read is no answer: nothing is learnt from it
        read = [[*pair.read, *pair.written] for pair in pairs]
        written = [[IGNORED] * len(pair.read) + pair.written for pair in pairs]
    labels = torch.from_numpy(_filled(written, IGNORED))
    mask = torch.from_numpy(_filled([[1] * len(row) for row in read], 0))
    batch = {"input_ids": torch.from_numpy(_filled(read, model.pad)), "attention_mask": mask, "labels": labels}
    if model.reads_apart:
        batch["decoder_input_ids"] = model.module.prepare_decoder_input_ids_from_labels(labels=labels)
    return batch


def _watched(model: TextModel, module: Any, pairs: Sequence[Pair]) -> tuple[float, float | None, float]:
    """The mean log loss of a token of the answers: what is written from them costs many times as long to measure."""
    import torch

    device, total, count = next(module.parameters()).device, 0.0, 0
    order = sorted(pairs, key=lambda pair: pair.size)
    with torch.inference_mode():
        for start in range(0, len(order), _MEASURED_AT_ONCE):
            with card_share.turn():
                batch = collate(model, order[start : start + _MEASURED_AT_ONCE])
                labels = batch.pop("labels").to(device)
                output = module(**{name: value.to(device) for name, value in batch.items()})
                total += float(loss(model, output, labels))
            count += int(labels.ne(IGNORED).sum())
    return total / max(count, 1), None, total / max(count, 1)


def loss(model: TextModel, outputs: Any, labels: Any) -> Any:
    """Summed over the tokens of the answers."""
    from torch.nn import functional

    logits = outputs.logits.float()
    if not model.reads_apart:
        logits, labels = logits[:, :-1], labels[:, 1:]
    return functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum")


def _optimizer(parameters: Sequence[Any], settings: Settings) -> Any:
    import torch

    return torch.optim.AdamW(decayed(parameters, settings.rate, settings.decay), fused=True)


def _filled(rows: Sequence[Sequence[int]], value: int) -> np.ndarray:
    found = np.full((len(rows), max(len(row) for row in rows)), value, dtype=np.int64)
    for place, row in enumerate(rows):
        found[place, : len(row)] = row
    return found
