"""What happens while an encoder is fine-tuned: each epoch is measured, the best one kept, and time looked at."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from labelwheel.training.evaluation.findings import Epoch
from labelwheel.training.ranks.group import Group
from labelwheel.training.ranks.shards import Shards

logger = logging.getLogger(__name__)

Measure = Callable[[Any], tuple[float, float | None, float]]
"""From a model in evaluation mode to validation loss, headline score if any, and what decides: the less, the better."""


@dataclass
class History:
    """What happened: a point for each epoch, and the number of the best one (from 1; 0 where none was finished)."""

    epochs: list[Epoch] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    best: int = 0
    complete: bool = True


@dataclass(frozen=True)
class Watched:
    """One training, as it is watched; where it is split, the first process decides for all.

    `measured` tells that it measures each epoch, `shards` that the model is divided among all.
    """

    history: History
    epochs: int
    patience: int
    measure: Measure | None
    stop_after: int | None
    progress: Callable[[float], None]
    deadline: float | None
    group: Group | None
    measured: bool = False
    shards: Shards | None = None

    def agreed(self, said: bool) -> bool:
        """What the first process says."""
        return said if self.group is None else self.group.agreed(said)


def watcher(watched: Watched) -> Any:
    """A callback of transformers that keeps the history, the best weights, and the time."""
    from transformers import TrainerCallback

    history, measure, stop_after = watched.history, watched.measure, watched.stop_after

    class Watcher(TrainerCallback):
        """Measures after each epoch, keeps the best weights, and stops when it is time to."""

        def __init__(self) -> None:
            self.kept: dict[str, Any] | None = None
            self.least = np.inf
            self.worse = 0
            self.train_loss: float | None = None

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            whole = state.max_steps * (stop_after or watched.epochs) / watched.epochs
            watched.progress(min(state.global_step / max(whole, 1), 1.0))
            if watched.agreed(watched.deadline is not None and time.monotonic() > watched.deadline):
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
            if watched.shards is not None and watched.measured:
                model = watched.shards.gather()
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
                if watched.shards is not None:
                    watched.shards.make_room()
            else:
                history.best = number
            history.epochs.append(Epoch(epoch=number, validation_loss=loss, score=score))
            stops = self.worse >= watched.patience or (stop_after is not None and number >= stop_after)
            if watched.agreed(stops):
                control.should_training_stop = True

        def on_train_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
            if watched.shards is not None:
                model = watched.shards.gather()
            if self.kept is not None:
                model.load_state_dict(self.kept, strict=False)

    return Watcher()
