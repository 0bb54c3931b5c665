"""One inspection: each section in its turn, and what it found in a file of its own.

So an inspection that is ended, because a round wants the machine, goes on later where it stopped.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labelwheel.training import places, unlabelled
from labelwheel.training.base_model import Base
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.encoders import Shape
from labelwheel.training.errors import InvalidJob
from labelwheel.training.evaluation.report import plain
from labelwheel.training.foreign import model as foreign_models
from labelwheel.training.inspection.registry import SECTIONS
from labelwheel.training.inspection.spec import InspectionSpec
from labelwheel.training.inspection.subject import Learnt, Section, Subject
from labelwheel.training.job import read_rows
from labelwheel.training.model import Model
from labelwheel.training.questions import Example, Prediction

log = logging.getLogger(__name__)

NO_TIME = "no time was left for it: LABELWHEEL_INSPECT_MINUTES"


def read(path: Path) -> InspectionSpec:
    """The specification in a file; raises InvalidJob."""
    try:
        return InspectionSpec.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InvalidJob(f"the specification {path} cannot be read: {error}") from error


def run(spec: InspectionSpec, sections: Sequence[Section] = SECTIONS) -> None:
    """Does the sections that are not done yet; raises InvalidJob or InvalidCheckpoint where nothing can be looked at.

    Each leaves NAME.json in the output folder, see `files`. The first begins in any case, none after the time is over.
    """
    place = Path(spec.output)
    place.mkdir(parents=True, exist_ok=True)
    left = [section for section in sections if not (place / f"{section.name}.json").exists()]
    if not left:
        return
    looked_at = subject(spec)
    deadline = time.monotonic() + spec.max_minutes * 60
    for number, section in enumerate(sections):
        if section not in left:
            continue
        late = section is not left[0] and time.monotonic() >= deadline
        part = {"problem": NO_TIME} if late else _looked(section, looked_at)
        written = json.dumps({"place": number, **part}, ensure_ascii=False)
        places.write(str(place / f"{section.name}.json"), written.encode())


def _looked(section: Section, subject: Subject) -> dict[str, Any]:
    begun = time.monotonic()
    log.info("%s …", section.name)
    try:
        found: Mapping[str, Any] = section.look(subject)
        text = section.render(found) if found else ""
    except Exception as error:  # one section's alone
        log.exception("%s failed", section.name)
        return {"problem": f"{type(error).__name__}: {error}"[:500]}
    seconds = time.monotonic() - begun
    log.info("%s took %.1f s", section.name, seconds)
    return {"found": plain(found), "text": text, "seconds": round(seconds, 1)}


def subject(spec: InspectionSpec) -> Subject:
    """What sections look at; raises InvalidJob or InvalidCheckpoint where there is nothing to look at."""
    question = spec.question
    rows = read_rows(Path(spec.data), question)
    foreign_models.name(spec.foreign)
    model = Model.load(spec.checkpoint, device=spec.device, threads=spec.threads)

    def answer(examples: Sequence[Example]) -> list[Prediction]:
        answers = model.predict(question, examples)
        return [model.kind.shown(one, spec.hide_below) for one in answers]

    return Subject(
        question=question,
        rows=rows,
        answer=answer,
        load=lambda: Base.load(spec.base_model, question, spec.max_length, spec.device, Shape.of(spec.tuned)),
        tuned=spec.tuned,
        unlabelled=unlabelled.read(spec.unlabelled),
        seed=spec.seed,
        hide_below=spec.hide_below,
        groups=spec.groups,
        minutes=spec.max_minutes,
        learnt=_learnt(Path(spec.checkpoint) / checkpoint.REPORT),
    )


def _learnt(path: Path) -> Learnt | None:
    """What the report of a checkpoint says of it; None where there is no such report."""
    try:
        told = json.loads(path.read_bytes())
        seconds = {each["name"]: float(each["seconds"]) for each in told["trials"]}
        return Learnt(told["chosen"], told["base_model"], seconds[told["chosen"]])
    except (OSError, ValueError, KeyError, TypeError):
        log.info("%s does not say how the checkpoint was learnt", path)
        return None
