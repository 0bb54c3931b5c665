"""Jobs of trials that take no time: a trial is as good as a function of its settings says, with noise of its seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.launchers.base import Phase, State
from labelwheel.training.spec import JobSpec, Tuned
from labelwheel.training.tuning.figures import RESULT, Measured, TrialFigures
from tests.backend.fake_jobs import FakeLauncher, Job

REGRESSION, CONTRAST = "regression on the frozen encoder", "encoder tuned by contrast"
USUAL = {REGRESSION: 0.4, CONTRAST: 0.3}
"""The shares of examples that strategies get wrong as they are."""

Error = Callable[[Tuned], float]


def as_usual(tuned: Tuned) -> float:
    """Whatever is turned changes nothing."""
    return USUAL[tuned.strategy]


def better_with_more_steps(tuned: Tuned) -> float:
    """Contrast gains from steps, and from nothing else."""
    more = tuned.knobs.get("steps", 1.0) > 1.2
    return USUAL[tuned.strategy] - (0.2 if more and tuned.strategy == CONTRAST else 0.0)


class TrialLauncher(FakeLauncher):
    """Runs trials by `error`; `hang` keeps them running, `fails` says why one leaves nothing."""

    def __init__(self, error: Error = as_usual) -> None:
        super().__init__()
        self.error, self.hang = error, False
        self.fails: Callable[[JobSpec], str | None] = lambda spec: None

    @property
    def trials(self) -> list[JobSpec]:
        """All that were asked for, in order."""
        jobs = (job for job in self.jobs.values())
        return [each.spec for job in jobs for each in (job, *job.others) if each.spec.trial is not None]

    def poll(self, handle: str) -> State:
        job = self.jobs.get(handle)
        if job is None or job.spec.trial is None:
            return super().poll(handle)
        if not self.hang and job.state.phase is Phase.RUNNING:
            self.finish(job)
        return job.state

    def finish(self, job: Job) -> None:
        """Every trial of a job has left its figures, or says why it has none."""
        for each in (job, *job.others):
            if Path(each.spec.output).exists():
                continue
            if why := self.fails(each.spec):
                Path(each.spec.failure or "").write_text(json.dumps({"error": "InvalidJob", "message": why}), "utf-8")
            else:
                leave(each.spec, self.error)
        job.state = State(phase=Phase.SUCCEEDED)


def leave(spec: JobSpec, error: Error) -> None:
    """Figures as a trial leaves them."""
    rows = [json.loads(line) for line in Path(spec.data).read_text("utf-8").splitlines()]
    keys = [row["example"]["key"] for row in rows]
    tried = [Tuned(strategy=name) for name in USUAL] if spec.tuned is None else [spec.tuned]
    measured = tuple(_measured(each, keys, spec.seed, error) for each in tried)
    figures = TrialFigures(
        version=spec.version, labels=len(keys), measured=measured,
        chosen=min(measured, key=lambda each: each.value).strategy,
        groups={row["example"]["key"]: row["group"] for row in rows},
    )  # fmt: skip
    manifest = Manifest(
        version=spec.version, question=spec.question, base_model="base", encoder_digest="", recipe="trial",
        max_length=spec.max_length, label_set="", label_count=len(keys), seed=spec.seed,
    )  # fmt: skip
    checkpoint.write(spec.output, None, None, manifest, {RESULT: figures.model_dump_json()})


def _measured(tuned: Tuned, keys: list[str], seed: int, error: Error) -> Measured:
    """Which examples are hard is the same for all; a tenth of the answers hangs on the seed and the settings."""
    losses = {}
    for key in keys:
        hard, luck = random.Random(f"hard {key}").random(), random.Random(f"{seed} {key} {tuned}")
        wrong = luck.random() < error(tuned) if luck.random() < 0.1 else hard < error(tuned)
        losses[key] = (float(wrong), 0.5 * wrong)
    score = 1 - sum(loss for loss, _ in losses.values()) / len(losses)
    return Measured(strategy=tuned.strategy, score=score, seconds=2.0, detail="by a fake", losses=losses)
