"""What is served for a question, as its model card has it, and where it comes from.

Settings and the hash of the label set are told to the admin alone: paths of a machine may stand among them.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import QuestionRow
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import lineage, shown_checkpoint
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import Checkpoint
from labelwheel.training.errors import InvalidCheckpoint, StoreUnreachable
from labelwheel.training.questions import Question

NO_CHAMPION = (
    "nothing is served for this question yet: the first answers come from the names of its labels, within minutes of "
    "connecting; `labelwheel status` says what is missing"
)


def body() -> type[BaseModel]:
    """The model of what `read` gives, which is imported only when somebody wants it described."""
    from labelwheel.backend.views.model_body import ServedModel

    return ServedModel


def read(
    session: Session, settings: Settings, question: QuestionRow, version: str | None, whole: bool
) -> dict[str, Any]:
    """A version's card, else the champion's, and the lineage; `reason` says what is missing, and what to do.

    Raises NotFound where there is no such version.
    """
    spec = Question.model_validate(question.spec)
    told: dict[str, Any] = {
        "question": question.name,
        "kind": str(spec.kind),
        "inputs": [
            {"name": name, "title": title} for name, title in zip(spec.inputs, spec.titles or spec.inputs, strict=True)
        ],
        "values": len(spec.values),
        "version": None,
        "champion": False,
        "reason": NO_CHAMPION,
        "card": None,
        "lineage": lineage.read(session, question),
    }
    if version is None and question.champion_id is None:
        return told
    row = shown_checkpoint.row(session, question, version)
    told |= {"version": row.version, "champion": row.id == question.champion_id, "reason": None}
    try:
        found = settings.checkpoints.read(row.folder, verify=False, digest=row.manifest_digest)
    except (InvalidCheckpoint, StoreUnreachable) as error:
        return told | {"reason": str(error)}
    return told | {"card": _card(found, whole)}


def _card(found: Checkpoint, whole: bool) -> dict[str, Any]:
    from labelwheel.training.evaluation import card_reading  # slow to load, and only this needs it

    manifest, report = found.manifest, found.report
    path = found.folder / checkpoint.MODEL_CARD
    card = card_reading.read(path.read_text("utf-8")) if path.exists() else card_reading.Card()
    labels, headline = report.get("labels") or {}, report.get("headline") or {}
    return {
        "created_at": manifest.created_at,
        "recipe": manifest.recipe,
        "base_model": card.base_model or manifest.base_model.rstrip("/").rpartition("/")[2],
        "licence": card.licence or "unknown",
        "parent": manifest.parent,
        "seed": manifest.seed,
        "max_length": manifest.max_length,
        "label_count": manifest.label_count,
        "label_set": manifest.label_set if whole else None,
        "parts": {str(name): int(count) for name, count in (labels.get("examples") or {}).items()},
        "fresh": labels.get("fresh"),
        "code": manifest.libraries.get("labelwheel"),
        "libraries": {name: said for name, said in manifest.libraries.items() if name != "labelwheel"},
        "settings": {name: str(value) for name, value in manifest.settings.items()} if whole else {},
        "precision": manifest.artefact.precision if manifest.artefact else None,
        "bytes": found.disk_size,
        "seconds": report.get("seconds"),
        "peak_memory": report.get("peak_memory"),
        "chosen": report.get("chosen") or None,
        "chosen_for": report.get("reason") or None,
        "score": {
            "metric": report.get("metric"), "score": headline.get("value"), "low": headline.get("low"),
            "high": headline.get("high"),
        },
        "use": list(card.use),
        "limits": list(card.limits),
    }  # fmt: skip
