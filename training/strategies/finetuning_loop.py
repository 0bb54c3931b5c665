"""The loop around every kind of question: transformers.Trainer, epoch by epoch, keeping the best."""

from __future__ import annotations

import copy
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from labelwheel.training import batches, card_share, encoders
from labelwheel.training.evaluation.findings import Epoch
from labelwheel.training.kinds.base import Row
from labelwheel.training.kinds.objectives import IGNORED, Softmax
from labelwheel.training.strategies.length_pools import LengthPools
from labelwheel.training.strategies.precision import Precision, unwrapped
from labelwheel.training.strategies.problem import Problem

logger = logging.getLogger(__name__)

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


Measure = Callable[[Any], tuple[float, float, float]]
"""From a model in evaluation mode to validation loss, headline score, and what decides: the less, the better."""


@dataclass
class History:
    """What happened: a point for each epoch, and the number of the best one (from 1; 0 where none was finished)."""

    epochs: list[Epoch] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    best: int = 0
    complete: bool = True


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
) -> History:
    """Fine-tunes a model in place on some examples; with `measure` it ends as it was after its best epoch.

    `stop_after` ends a schedule of `settings.epochs` early, as early stopping would have. `deadline` is in the time of
    `time.monotonic`.
    """
    from transformers import PrinterCallback, Trainer, TrainingArguments
    from transformers.integrations import KubeflowCallback

    on_gpu = next(model.parameters()).device.type == "cuda"
    weights = _weights(problem, indices, model)
    history = History()
    with tempfile.TemporaryDirectory(prefix="labelwheel-") as scratch:
        arguments = TrainingArguments(
            output_dir=scratch,
            num_train_epochs=settings.epochs,
            per_device_train_batch_size=settings.batch_size,
            gradient_accumulation_steps=settings.accumulation,
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
            items = num_items_in_batch if num_items_in_batch is not None else labels.ne(IGNORED).sum()
            return problem.objective.torch_loss(outputs.logits, labels, weights) / items

        class PooledTrainer(Trainer):
            """Learns from texts of like length together."""

            def _get_train_sampler(self, train_dataset: Any = None) -> LengthPools:
                return LengthPools(lengths, settings.batch_size * settings.accumulation, settings.seed)

        lengths = [max(len(problem.encodings[place].input_ids) for place in problem.places[index]) for index in indices]
        trainer = card_share.polite(PooledTrainer)(
            model=model,
            args=arguments,
            train_dataset=[int(index) for index in indices],
            data_collator=lambda chosen: collate(problem, chosen, pad_token_id),
            compute_loss_func=loss,
            callbacks=[_watcher(history, settings, measure, stop_after, progress, deadline)],
            optimizers=(_optimizer(model, settings, feature_norm), None),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(KubeflowCallback)  # it would count each fold as a whole job
        trainer.train()
    unwrapped(model).eval()
    return history


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


def _watcher(
    history: History,
    settings: Settings,
    measure: Measure | None,
    stop_after: int | None,
    progress: Callable[[float], None],
    deadline: float | None,
) -> Any:
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):
        """Measures after each epoch, keeps the best weights, and stops when it is time to."""

        def __init__(self) -> None:
            self.kept: dict[str, Any] | None = None
            self.least = np.inf
            self.worse = 0
            self.train_loss: float | None = None

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            whole = state.max_steps * (stop_after or settings.epochs) / settings.epochs
            progress(min(state.global_step / max(whole, 1), 1.0))
            if deadline is not None and time.monotonic() > deadline:
                logger.info("Time is up in epoch %.1f", state.epoch or 0.0)
                history.complete = False
                control.should_training_stop = True

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if logs and np.isfinite(logs.get("loss", np.nan)):
                history.epochs[-1:] = [
                    point.model_copy(update={"train_loss": float(logs["loss"])}) for point in history.epochs[-1:]
                ]

        def on_epoch_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
            number = len(history.epochs) + 1
            if not history.complete:
                return
            loss = score = None
            if measure is not None:
                model.eval()
                loss, score, value = measure(model)
                model.train()
                history.values.append(value)
                if value < self.least:
                    self.least, self.worse, history.best = value, 0, number
                    trained = {name for name, p in model.named_parameters() if p.requires_grad}
                    self.kept = {n: copy.deepcopy(v) for n, v in model.state_dict().items() if n in trained}
                else:
                    self.worse += 1
            else:
                history.best = number
            history.epochs.append(Epoch(epoch=number, validation_loss=loss, score=score))
            if self.worse >= settings.patience or (stop_after is not None and number >= stop_after):
                control.should_training_stop = True

        def on_train_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
            if self.kept is not None:
                model.load_state_dict(self.kept, strict=False)

    return Watcher()
