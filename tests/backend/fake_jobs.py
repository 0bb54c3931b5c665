"""A launcher whose jobs do nothing but what the test says: finish with a score, crash, get killed, hang."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelwheel.training import exchange, places
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.launchers.base import Phase, State, Task
from labelwheel.training.spec import JobResult, JobSpec, Pair, Unit

GOOD, BAD = 0.1, 0.6


class _Model:
    def save_pretrained(self, folder: Path) -> None:
        (Path(folder) / "config.json").write_text("{}")
        (Path(folder) / "model.safetensors").write_bytes(b"\0" * 16)


@dataclass
class Job:
    spec: JobSpec
    token: str | None
    url: str | None
    log: str = ""
    state: State = field(default_factory=lambda: State(phase=Phase.RUNNING))
    cancelled: bool = False
    others: list[Job] = field(default_factory=list)
    """What else the same job does, in turn; the state is the whole job's."""
    withdrawn: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in places.read(self.spec.data).splitlines()]

    @property
    def unlabelled(self) -> list[dict[str, Any]] | None:
        """None where the job was handed no such file."""
        if self.spec.unlabelled is None:
            return None
        return [json.loads(line) for line in places.read(self.spec.unlabelled).splitlines()]


class FakeLauncher:
    """`automatic` jobs are done, with that challenger's loss, when they are looked at."""

    def __init__(self, automatic: float | None = GOOD) -> None:
        self.automatic = automatic
        self.jobs: dict[str, Job] = {}
        self.collected: list[str] = []

    @property
    def last(self) -> Job:
        return list(self.jobs.values())[-1]

    def submit(self, tasks: Sequence[Task]) -> str:
        handle = f"job-{len(self.jobs) + 1}"
        # as text, which is all that may cross a network
        job, *mates = (
            Job(JobSpec.model_validate_json(each.spec.model_dump_json()), each.token, each.progress_url)
            for each in tasks
        )
        job.others = mates
        self.jobs[handle] = job
        return handle

    def poll(self, handle: str) -> State:
        job = self.jobs.get(handle)
        if job is None:
            return State(phase=Phase.FAILED)
        if self.automatic is not None and job.state.phase is Phase.RUNNING:
            finish(job, self.automatic)
        return job.state

    def end_strays(self, name: str) -> int:
        return 0

    def withdraw(self, handle: str, name: str) -> None:
        self.jobs[handle].withdrawn.append(name)

    def logs(self, handle: str, name: str) -> str:
        return self.jobs[handle].log if handle in self.jobs else ""

    def collect(self, handle: str) -> None:
        self.collected.append(handle)

    def cancel(self, handle: str) -> None:
        job = self.jobs[handle]
        if job.state.phase is Phase.RUNNING:
            job.cancelled, job.state = True, State(phase=Phase.FAILED, code=-15)


def finish(job: Job, loss: float = GOOD, champion_loss: float = 0.4) -> None:
    """The job ends well; its challenger is wrong on a share `loss` of a hundred examples."""
    for each in (job, *job.others):
        done = Path(each.spec.output).exists() or refusal(each).exists()
        if each is job or not done:
            write(each.spec, loss, champion_loss)
    job.state = State(phase=Phase.SUCCEEDED)


def refusal(job: Job) -> Path:
    """Where one part of a job says why it failed, while the others go on."""
    return Path(job.spec.data).with_name("failed.json")


def crash(job: Job, line: str = "", code: int | None = 1) -> None:
    """The job ends with an error as its last words, or by a signal."""
    if line:
        job.log = f"loading\r 50%\r100%\nTraceback\n{line}\n"
    job.state = State(phase=Phase.FAILED, code=code)


def write(
    spec: JobSpec,
    loss: float,
    champion_loss: float,
    recipe: str | None = None,
    followed: bool = False,
    count: int = 100,
    pairs: Sequence[Pair] = (),
    notes: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    report: Mapping[str, Any] | None = None,
) -> None:
    """A checkpoint as a job leaves it; `pairs` stand for what the losses would make, `report` says more."""
    manifest = Manifest(
        version=spec.version, question=spec.question, base_model="base", encoder_digest="e",
        recipe=recipe or spec.recipe, max_length=spec.max_length, label_set="l", label_count=1, seed=spec.seed,
        settings={**(settings or {})},
    )  # fmt: skip
    result = JobResult(
        version=spec.version,
        metric="macro F1",
        pairs=pairs
        or [pair(number / count, loss, champion_loss if spec.champion else None) for number in range(count)],
        cross_validated=False,
        followed=followed,
        report={
            "headline": {"value": 1 - loss, "low": 0.9 - loss, "high": 1.0},
            "hidden": {"below": 0.5, "suggestions": count, "hidden": 7},
            "notes": [*notes],
            **(report or {}),
        },
    )
    with exchange.at_hand(spec) as near:
        checkpoint.write(near.output, _Model(), None, manifest, {"result.json": result.model_dump_json()})


def pair(place: float, loss: float, champion_loss: float | None) -> Pair:
    """One example, wrong where its place is below the loss."""

    def unit(wrong: bool) -> dict[str, Unit]:
        return {"a": Unit(false_negatives=1)} if wrong else {"a": Unit(true_positives=1)}

    wrong, champion_wrong = place < loss - 1e-9, place < (champion_loss or 0) - 1e-9
    return Pair(
        key=str(place), group=str(place), held_out=True,
        challenger_loss=float(wrong), challenger=unit(wrong),
        champion_loss=None if champion_loss is None else float(champion_wrong),
        champion={} if champion_loss is None else unit(champion_wrong),
    )  # fmt: skip
