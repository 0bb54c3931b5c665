"""The files of a search: the labels that all its trials see, what each trial is told, and what it leaves."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import QuestionRow, TrialRow, TuningRow
from labelwheel.backend.rounds import data, jobs, launchers
from labelwheel.backend.rounds.data import Written
from labelwheel.backend.rounds.jobs import DATA, UNLABELLED
from labelwheel.backend.settings import Settings
from labelwheel.backend.tuning.fidelities import RUNGS
from labelwheel.training import places
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.job import FAILED
from labelwheel.training.launchers.base import Task
from labelwheel.training.questions import Question
from labelwheel.training.spec import Tuned
from labelwheel.training.tuning.figures import RESULT, TrialFigures


def name(tuning: TuningRow, trial: TrialRow) -> str:
    """What a trial is called at its rung: its task, and what it leaves; no other search ever has it."""
    return f"{_prefix(tuning)}-{trial.number}-{trial.rung}"


def prepare(database: Database, settings: Settings, tuning: TuningRow) -> Written | None:
    """Writes the labels of the training side, which stay the same for a whole search; None where they are there."""
    place = _folder(settings, tuning)
    if (place / DATA).exists():
        return None
    place.mkdir(parents=True, exist_ok=True)
    with database.session() as session:
        question = session.get_one(QuestionRow, tuning.question_id)
        data.write_unlabelled(session, question, settings.seed, place / UNLABELLED)
        return data.write_training(session, question, place / DATA)


def task(settings: Settings, tuning: TuningRow, question: Question, trial: TrialRow) -> Task:
    """What a job has to do for a trial; its data are sent where it finds them."""
    version, place, desk = name(tuning, trial), _folder(settings, tuning), _desk(settings, tuning)
    tuned = None if trial.settings is None else Tuned.model_validate(trial.settings)
    spec = jobs.general(settings, question, version, tuned).model_copy(
        update={
            "data": f"{desk}/{DATA}",
            "unlabelled": f"{desk}/{UNLABELLED}",
            "failure": f"{desk}/{version}.{FAILED}",
            "seed": trial.seed,
            "trial": RUNGS[trial.rung].fidelity.model_copy(update={"draw": settings.seed}),
        }
    )
    places.remove(spec.failure or "")
    if not (places.is_url(spec.data) and places.exists(spec.data)):
        jobs.send(spec, place)
    return Task(version, spec)


def figures(settings: Settings, tuning: TuningRow, trial: TrialRow) -> TrialFigures | None:
    """What a trial has left; None while there is nothing, or where that cannot be read."""
    version, store = name(tuning, trial), settings.checkpoints
    if not store.has(version):
        return None
    try:
        return TrialFigures.model_validate_json((store.read(version).folder / RESULT).read_bytes())
    except (OSError, InvalidCheckpoint, ValidationError):
        store.remove(version)
        return None


def failure(settings: Settings, tuning: TuningRow, trial: TrialRow) -> str | None:
    """Why a trial failed while others of its job go on; None where it has not."""
    try:
        said = places.read(f"{_desk(settings, tuning)}/{name(tuning, trial)}.{FAILED}")
    except OSError:
        return None
    return jobs.last_words(said.decode("utf-8", "replace")) or "it left no message"


def clear(settings: Settings, tuning: TuningRow, trials: Iterable[TrialRow]) -> None:
    """Takes away what some trials left at their rungs."""
    for trial in trials:
        version = name(tuning, trial)
        settings.checkpoints.remove(version)
        places.remove(f"{_desk(settings, tuning)}/{version}.{FAILED}")
        shutil.rmtree(launchers.folder(settings) / version, ignore_errors=True)


def clear_all(settings: Settings, tuning: TuningRow) -> None:
    """Takes away all that a search needed, the texts of the project first."""
    prefix, store = _prefix(tuning), settings.checkpoints
    shutil.rmtree(_folder(settings, tuning), ignore_errors=True)
    if not store.folder:
        places.remove(store.desk(prefix))
    for version in store.names():
        if version.startswith(f"{prefix}-"):
            store.remove(version)
    for place in launchers.folder(settings).glob(f"{prefix}-*"):
        shutil.rmtree(place, ignore_errors=True)


def _prefix(tuning: TuningRow) -> str:
    return f"tuning-{tuning.id}-{int(tuning.created_at.timestamp() * 1000):x}"


def _folder(settings: Settings, tuning: TuningRow) -> Path:
    return launchers.folder(settings) / _prefix(tuning)


def _desk(settings: Settings, tuning: TuningRow) -> str:
    """Where jobs find the data: in the folder of this machine, or in the object store where there is one."""
    store = settings.checkpoints
    return str(_folder(settings, tuning)) if store.folder else store.desk(_prefix(tuning))
