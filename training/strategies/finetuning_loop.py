"""The loop around every kind of question: transformers.Trainer, epoch by epoch, keeping the best."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from labelwheel.training import batches, card_share, encoders
from labelwheel.training.errors import OutOfMemory
from labelwheel.training.kinds.base import Row
from labelwheel.training.kinds.objectives import IGNORED, Softmax
from labelwheel.training.ranks import blueprint, crew
from labelwheel.training.ranks.group import Group, Order
from labelwheel.training.ranks.shards import Shards
from labelwheel.training.strategies import coursework
from labelwheel.training.strategies.epoch_watch import History, Measure, Watched, watcher
from labelwheel.training.strategies.length_pools import LengthPools
from labelwheel.training.strategies.precision import Precision, unwrapped
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.shares import Shares

ADAPTER = "lora_"
"""What the names of adapters' weights have in them, as peft gives them."""


@dataclass(frozen=True)
class Settings:
    """How a model is fine-tuned. `head_rate` is the head's learning rate for features of length 1.

    `adapter_rate` is that of adapters, where there are some; `checkpointing` saves memory at the cost of time.
    """

    epochs: int = 4
    rate: float = 5e-5
    head_rate: float = 1e-2
    batch_size: int = 16
    accumulation: int = 1
    warmup: float = 0.1
    decay: float = 0.01
    patience: int = 2
    seed: int = 13
    precision: Precision = "float32"
    adapter_rate: float | None = None
    checkpointing: bool = False


def train(
    model: Any,
    problem: Problem,
    indices: Sequence[int],
    pad_token_id: int,
    settings: Settings,
    *,
    feature_norm: float,
    measure: Measure | None = None,
    stop_after: int | None = None,
    progress: Callable[[float], None] = lambda share: None,
    deadline: float | None = None,
    split: bool = False,
    sharded: bool = False,
) -> History:
    """Fine-tunes a model in place on some examples; with `measure` it ends as it was after its best epoch.

    `stop_after` ends a schedule of `settings.epochs` early, as early stopping would have. `deadline` is in the time of
    `time.monotonic`. `split` has the job's other processes take part: batches stay what they are, and are dealt out.
    `sharded` divides the model among them as well; raises OutOfMemory where nobody is there to take a part of it.
    """
    history, device = History(), str(next(model.parameters()).device)

    def order() -> Order:
        head, arrays = coursework.of_problem(problem, indices)
        more = {
            "feature_norm": feature_norm, "stop_after": stop_after, "measured": measure is not None, "sharded": sharded,
        }  # fmt: skip
        given = {"do": "finetune", "blueprint": blueprint.of(model), "pad": pad_token_id}
        return {**head, **given, "settings": vars(settings), "more": more}, arrays

    with crew.at_work(order if split else None) as group:
        watched = Watched(history, settings.epochs, settings.patience, measure, stop_after, progress, deadline, group)
        if sharded:
            if group is None:
                raise OutOfMemory("it takes more memory than one process has, and no other one helps")
            shards = Shards(blueprint.of(model), group, model.to("cpu"))
            watched = replace(watched, shards=shards, measured=measure is not None)
        _fit(model, problem, indices, pad_token_id, settings, feature_norm, watched)
    unwrapped(model.to(device)).eval()
    return history


def follow(head: dict[str, Any], problem: Problem, group: Group) -> None:
    """Takes part in a training that the first process has ordered, on all examples of a problem."""
    chosen, indices, more = Settings(**head["settings"]), range(len(problem.places)), head["more"]
    watched = Watched(
        History(), chosen.epochs, chosen.patience, None, more["stop_after"], lambda share: None, None, group
    )
    model = None
    if more["sharded"]:
        watched = replace(watched, shards=Shards(head["blueprint"], group), measured=more["measured"])
    else:
        model = blueprint.build(head["blueprint"], group.device)
    _fit(model, problem, indices, head["pad"], chosen, more["feature_norm"], watched)


def _fit(
    model: Any,
    problem: Problem,
    indices: Sequence[int],
    pad_token_id: int,
    settings: Settings,
    feature_norm: float,
    watched: Watched,
) -> None:
    from transformers import PrinterCallback, Trainer, TrainingArguments
    from transformers.integrations import KubeflowCallback

    if watched.shards is not None:
        model = watched.shards.model
    on_gpu = next(model.parameters()).device.type == "cuda"
    weights = _weights(problem, indices, model)
    lengths = [max(len(problem.encodings[place].input_ids) for place in problem.places[index]) for index in indices]
    whole = settings.batch_size * settings.accumulation
    pools, group = LengthPools(lengths, whole, settings.seed), watched.group
    shares = Shares(pools, len(lengths), whole, settings.batch_size, group.place) if group else None
    with tempfile.TemporaryDirectory(prefix="labelwheel-") as scratch:
        arguments = TrainingArguments(
            output_dir=scratch,
            num_train_epochs=settings.epochs,
            per_device_train_batch_size=shares.part if shares else settings.batch_size,
            gradient_accumulation_steps=shares.parts if shares else settings.accumulation,
            warmup_steps=settings.warmup,
            lr_scheduler_type="linear",
            max_grad_norm=1.0,
            seed=settings.seed,
            data_seed=settings.seed,
            bf16=settings.precision == "bfloat16",
            use_cpu=not on_gpu,
            dataloader_pin_memory=on_gpu,
            remove_unused_columns=False,
            label_names=["labels"],
            logging_nan_inf_filter=False,  # it would wait for the device at each step
            save_strategy="no",
            eval_strategy="no",
            logging_strategy="epoch",
            report_to="none",
            disable_tqdm=True,
        )

        def loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
            if not len(labels):
                return outputs.logits.sum() * 0.0
            items = num_items_in_batch if num_items_in_batch is not None else labels.ne(IGNORED).sum()
            return problem.objective.torch_loss(outputs.logits, labels, weights) / items

        def padded(chosen: Sequence[int]) -> dict[str, Any]:
            batch = collate(problem, chosen or indices[:1], pad_token_id)
            return batch if chosen else {**batch, "labels": batch["labels"][:0]}

        class PooledTrainer(Trainer):
            """Learns from texts of like length together."""

            def _get_train_sampler(self, train_dataset: Any = None) -> LengthPools:
                return pools

            def get_train_dataloader(self) -> Any:
                if shares is None:
                    return super().get_train_dataloader()
                from torch.utils.data import DataLoader

                return DataLoader(self.train_dataset, batch_sampler=shares, collate_fn=padded, pin_memory=on_gpu)

        trainer = card_share.polite(PooledTrainer)(
            model=model,
            args=arguments,
            train_dataset=[int(index) for index in indices],
            data_collator=padded,
            compute_loss_func=loss,
            callbacks=[watcher(watched)],
            optimizers=(_optimizer(model, settings, feature_norm), None),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(KubeflowCallback)  # it would count each fold as a whole job
        trainer.train()


def collate(problem: Problem, indices: Sequence[int], pad_token_id: int) -> dict[str, Any]:
    """A padded batch with labels; of pairs, all left sides come before all right ones."""
    import torch

    places = problem.encoded(indices)
    row = problem.kind.row
    if row is Row.PAIR:
        places.sort(key=lambda place: problem.encodings[place].side)
    batch = batches.pad([problem.encodings[place].input_ids for place in places], pad_token_id)
    targets = [problem.targets[place] for place in places]
    if row is Row.PAIR:
        targets = targets[: len(targets) // 2]
    if row is Row.TOKEN:
        labels = torch.full(batch["input_ids"].shape, IGNORED, dtype=torch.long)
        for tokens, target in zip(labels, targets, strict=True):
            tokens[: len(target)] = torch.as_tensor(target)
    elif isinstance(problem.objective, Softmax):
        labels = torch.as_tensor(np.stack(targets), dtype=torch.long)
    else:
        labels = torch.as_tensor(np.stack(targets), dtype=torch.float32)
    return {**batch, "labels": labels}


def _weights(problem: Problem, indices: Sequence[int], model: Any) -> Any:
    import torch

    targets = [problem.targets[place] for place in problem.encoded(indices)]
    found = problem.objective.weights(targets, len(problem.id2label))
    if found is None:
        return None
    return torch.as_tensor(found, dtype=torch.float32, device=next(model.parameters()).device)


def _optimizer(model: Any, settings: Settings, feature_norm: float) -> Any:
    import torch

    for parameter in encoders.still_parameters(model):
        parameter.requires_grad_(False)
    last = list(encoders.head(model).parameters())
    adapters = [p for name, p in model.named_parameters() if p.requires_grad and ADAPTER in name]
    known = {id(parameter) for parameter in (*last, *adapters)}
    body = [p for p in model.parameters() if p.requires_grad and id(p) not in known]
    return torch.optim.AdamW(
        [
            *decayed(body, settings.rate, settings.decay),
            {"params": adapters, "lr": settings.adapter_rate or settings.rate, "weight_decay": settings.decay},
            {"params": last, "lr": settings.head_rate / feature_norm, "weight_decay": 0.0},
        ],
        fused=True,
    )


def decayed(parameters: Sequence[Any], rate: float, decay: float) -> list[dict[str, Any]]:
    """An optimizer's groups: matrices decay, biases and norms do not."""
    return [
        {"params": [p for p in parameters if p.ndim > 1], "lr": rate, "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "lr": rate, "weight_decay": 0.0},
    ]
