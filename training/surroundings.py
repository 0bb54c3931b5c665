"""What has to stand around a job's process before torch and transformers are imported: variables, and its priority."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from labelwheel.training import card_share
from labelwheel.training.spec import JobSpec, Recipe

_NICENESS, _TRIAL_NICENESS = 10, 19


def prepare(spec: JobSpec, local: int = 0) -> None:
    """Settings of the process that a specification is done in, before it imports them.

    `local` is the process's number on its machine, of a job of several: each has a card of its own there.
    """
    if spec.recipe is not Recipe.NAMES:  # that takes seconds, and people see nothing until then
        with contextlib.suppress(OSError, AttributeError):
            priority = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, 0, max(priority, _NICENESS if spec.trial is None else _TRIAL_NICENESS))
    if spec.threads:
        os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(spec.threads)
    # the regressions are so small that NumPy's threads would only wait for each other (measured: 40 times as long
    # on two busy cores); torch has threads of its own
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    if all(Path(name).is_dir() for name in (spec.base_model, spec.zero_shot, spec.text_model) if name):
        os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"  # transformers would ask the hub's service to convert weights
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not sys.stderr.isatty():
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    if spec.shares_card:
        os.environ.update(card_share.ENVIRONMENT)
    # Trainer splits batches over all GPUs that it sees; a job gets one
    if spec.device != "cpu":
        seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        wanted = local + (int(spec.device.partition(":")[2] or 0) if spec.device else 0)
        visible = [name for name in seen.split(",") if name] or [str(index) for index in range(wanted + 1)]
        os.environ["CUDA_VISIBLE_DEVICES"] = visible[min(wanted, len(visible) - 1)]
