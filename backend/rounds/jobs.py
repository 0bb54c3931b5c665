"""The files of a round's job: what it is given, what it says, what it leaves."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Collection
from pathlib import Path

from labelwheel.backend.database.tables import CheckpointRow, Round
from labelwheel.backend.devices import ON_CPU, gpu_in_sight
from labelwheel.backend.rounds import foreign_models, language_model, launchers
from labelwheel.backend.settings import Settings
from labelwheel.training import places
from labelwheel.training.job import FAILED
from labelwheel.training.questions import Question
from labelwheel.training.spec import JobSpec, Recipe, Serving, Tuned

_KEPT_FOLDERS = 50
_KEPT_DATA = 3
DATA, UNLABELLED = "data.jsonl", "unlabelled.jsonl"
_COMPANY = "company"
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def folder(settings: Settings, number: int) -> Path:
    """Where a round's data are, and what a launcher keeps of it."""
    return launchers.folder(settings) / str(number)


def finished(settings: Settings, version: str) -> bool:
    """Whether a checkpoint is there, whole."""
    return settings.checkpoints.has(version)


def check(settings: Settings, champion: CheckpointRow) -> None:
    """Raises InvalidCheckpoint where a champion that is to be trained on was replaced. One that is gone is for the job
    to judge."""
    if champion.manifest_digest is not None:
        settings.checkpoints.check(champion.folder, champion.manifest_digest)


def desk(settings: Settings, found: Round) -> str:
    """Where a round's job finds its data: in the round's folder, or in the object store where there is one."""
    store = settings.checkpoints
    return str(folder(settings, found.id)) if store.folder else store.desk(found.version)


def specify(settings: Settings, found: Round, question: Question, champion: str | None) -> JobSpec:
    """The job's specification, with its data where it names them; `champion` is what it has to beat, by its name."""
    place, shared = folder(settings, found.id), desk(settings, found)
    store = settings.checkpoints
    tuned = launchers.allowed(settings, found.tuned)
    spec = general(settings, question, found.version, tuned).model_copy(
        update={
            "data": f"{shared}/{DATA}",
            "unlabelled": f"{shared}/{UNLABELLED}" if (place / UNLABELLED).exists() else None,
            "failure": f"{shared}/{FAILED}",
            "recipe": Recipe(found.recipe),
            "champion": None if champion is None else store.place(champion),
            "seed": settings.seed,
            "followed": settings.fast_lane,
            "slices": settings.named_slices,
            "language": language_model.for_job(settings, found.project_id),
        }
    )
    places.remove(f"{shared}/{FAILED}")
    (place / _COMPANY).unlink(missing_ok=True)
    send(spec, place)
    return spec


def general(settings: Settings, question: Question, version: str, tuned: Tuned | None) -> JobSpec:
    """What all jobs are told that learn a question; where its data are is still to be said."""
    return JobSpec(
        version=version,
        question=question,
        data="",
        output=settings.checkpoints.place(version),
        base_model=launchers.base_model(settings, tuned),
        max_length=settings.max_length,
        max_minutes=settings.job_minutes,
        device=settings.device,
        threads=settings.job_threads,
        hide_below=settings.shown_from[question.kind],
        fine_tuning=settings.fine_tuning,
        artefact=settings.artefact,
        compared=settings.engine in ("auto", "openvino"),
        shares_card=_beside_serving(settings),
        serving=_served(settings),
        tuned=tuned,
        text_model=launchers.anywhere(settings.text_model.strip()),
        zero_shot=launchers.anywhere(settings.zero_shot.strip()),
        foreign=foreign_models.configured(settings),
    )


def send(spec: JobSpec, place: Path) -> None:
    """Puts the data of a folder where a job finds them, if that is elsewhere."""
    for name, sent in ((DATA, spec.data), (UNLABELLED, spec.unlabelled)):
        if sent is not None and places.is_url(sent):
            places.send(place / name, sent)


def _beside_serving(settings: Settings) -> bool:
    """Whether a job and what serves compute on the same device, if it is a GPU."""
    return settings.launcher == "local" and settings.engine not in ON_CPU and settings.device != "cpu"


def _served(settings: Settings) -> Serving | None:
    """The limit that a checkpoint has to keep on what serves it, as this machine tells."""
    if settings.serve_max_ms is None:
        return None
    card = gpu_in_sight(settings.engine, settings.device)
    return Serving(max_ms=settings.serve_max_ms, card=card, graph=settings.engine != "torch")


def note_company(settings: Settings, number: int, count: int) -> None:
    """Remembers how many rounds share a round's job: it has time for all of them, whichever worker looks."""
    (folder(settings, number) / _COMPANY).write_text(str(count), "utf-8")


def company(settings: Settings, number: int) -> int:
    """How many rounds a round's job was started for; 1 where nobody knows."""
    try:
        return max(1, int((folder(settings, number) / _COMPANY).read_text("utf-8")))
    except (OSError, ValueError):
        return 1


def failure(settings: Settings, found: Round) -> str | None:
    """Why a round's part of a job failed, while others of it may go on; None where it has not."""
    try:
        said = places.read(f"{desk(settings, found)}/{FAILED}")
        return _message(said.decode("utf-8", "replace").strip())[:500]
    except OSError:
        return None


def last_words(log: str) -> str:
    """The last line that a job wrote: its error in words, where it failed. Empty where it wrote nothing."""
    lines = [_ANSI.sub("", line).strip() for line in re.split(r"[\r\n]+", log)]
    return next((_message(line)[:500] for line in reversed(lines) if line), "")


def _message(line: str) -> str:
    """A job that refuses says so as {"error", "message"}: people get the message."""
    with contextlib.suppress(ValueError):
        said = json.loads(line)
        if isinstance(said, dict) and isinstance(said.get("message"), str):
            return said["message"]
    return line


def tidy(settings: Settings, ended: Collection[str], active: Collection[int]) -> None:
    """Clears away what ended rounds left: half-written checkpoints, those that were rejected, data files.

    `ended` are versions of rounds that are over and whose checkpoint is not kept, `active` the numbers of rounds whose
    job may be running. The latest folders stay for whoever looks for a reason, the texts in the last few alone.
    """
    store, jobs = settings.checkpoints, folder(settings, 0).parent
    store.sweep()
    for version in ended:
        store.remove(version)
    if jobs.exists():
        numbers = sorted((int(place.name) for place in jobs.iterdir() if place.name.isdigit()), reverse=True)
        over = [number for number in numbers if number not in active]
        for number in over[_KEPT_DATA:_KEPT_FOLDERS]:
            for name in (DATA, UNLABELLED):
                (folder(settings, number) / name).unlink(missing_ok=True)
        for number in over[_KEPT_FOLDERS:]:
            shutil.rmtree(folder(settings, number), ignore_errors=True)
