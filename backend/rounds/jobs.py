"""The files of a round's job: what it is given, what it says, what it leaves."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Collection
from pathlib import Path

import psutil

from backend.ledger.tables import Round
from backend.settings import Settings
from training import checkpoint
from training.checkpoint import MANIFEST
from training.questions import Question
from training.spec import JobSpec, Recipe

_LOG_TAIL = 20_000
_KEPT_FOLDERS = 50
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def folder(settings: Settings, number: int) -> Path:
    """Where a round's specification, data and log are."""
    return settings.home.absolute() / "jobs" / str(number)


def output(settings: Settings, version: str) -> Path:
    """Where a round's checkpoint appears."""
    return settings.store_folder / version


def finished(settings: Settings, version: str) -> bool:
    """Whether a checkpoint is there, whole."""
    return (output(settings, version) / MANIFEST).exists()


def specify(settings: Settings, found: Round, question: Question, champion: str | None) -> Path:
    """Writes the job's specification; `champion` is the folder of what it has to beat."""
    place = folder(settings, found.id)
    base = settings.base_model
    spec = JobSpec(
        version=found.version,
        question=question,
        data=str(place / "data.jsonl"),
        output=str(output(settings, found.version)),
        recipe=Recipe(found.recipe),
        champion=None if champion is None else str(settings.store_folder / champion),
        base_model=str(Path(base).absolute()) if base and Path(base).is_dir() else base,
        seed=settings.seed,
        max_length=settings.max_length,
        max_minutes=settings.job_minutes,
        device=settings.device,
        threads=settings.job_threads,
        hide_below=settings.hide_below,
        artefact=settings.artefact,
    )
    path = place / "spec.json"
    temporary = path.with_suffix(".writing")
    temporary.write_text(spec.model_dump_json(indent=1), "utf-8")
    temporary.replace(path)
    return path


def last_words(settings: Settings, number: int) -> str:
    """The last line that a job wrote: its error in words, where it failed. Empty where it wrote nothing."""
    try:
        with (folder(settings, number) / "log").open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _LOG_TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [_ANSI.sub("", line).strip() for line in re.split(r"[\r\n]+", text)]
    return next((_message(line)[:500] for line in reversed(lines) if line), "")


def _message(line: str) -> str:
    """A job that refuses says so as {"error", "message"}: people get the message."""
    with contextlib.suppress(ValueError):
        said = json.loads(line)
        if isinstance(said, dict) and isinstance(said.get("message"), str):
            return said["message"]
    return line


def end_strays(settings: Settings, number: int) -> int:
    """Ends processes of a round's job that was started by a worker that was killed before it could note the handle."""
    spec = str(folder(settings, number) / "spec.json")
    strays = []
    for process in psutil.process_iter(["cmdline"]):
        if spec in (process.info["cmdline"] or ()):
            strays.append(process)
            process.kill()
    psutil.wait_procs(strays, timeout=10)
    return len(strays)


def tidy(settings: Settings, known: Collection[str], ended: Collection[str]) -> None:
    """Clears away what ended rounds left: half-written checkpoints, those that were rejected, data files.

    `known` are the versions to keep, `ended` those of rounds that are over.
    """
    store, jobs = settings.store_folder, folder(settings, 0).parent
    if store.exists():
        checkpoint.sweep(store)
        for place in store.iterdir():
            if place.name in ended and place.name not in known:
                shutil.rmtree(place, ignore_errors=True)
    if jobs.exists():
        numbers = sorted((int(place.name) for place in jobs.iterdir() if place.name.isdigit()), reverse=True)
        for number in numbers[_KEPT_FOLDERS:]:
            shutil.rmtree(folder(settings, number), ignore_errors=True)
