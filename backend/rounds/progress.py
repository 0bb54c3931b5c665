"""A job's progress, in the protocol of transformers' KubeflowCallback, which a job speaks wherever it runs."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import ACTIVE, Round
from labelwheel.backend.errors import NotFound, Unauthorized
from labelwheel.backend.validation import fitting

_METRICS = 50
# transformers posts numbers, kubeflow's own client posts them as text
_Number = (
    Annotated[float, Field(strict=True, allow_inf_nan=False)]
    | Annotated[str, StringConstraints(pattern=r"^[+-]?[0-9]{1,100}(\.[0-9]{0,100})?([eE][+-]?[0-9]{1,2})?$")]
)


class TrainerStatus(BaseModel):
    """How far a job is."""

    progressPercentage: _Number | None = None  # noqa: N815  (the protocol's name)
    estimatedRemainingSeconds: _Number | None = None  # noqa: N815
    metrics: list[Any] | dict[str, Any] | None = Field(
        None, description="`[{name, value}]`, or by name; the first 50 are kept, as texts"
    )


class TrainerReport(BaseModel):
    """What transformers' KubeflowCallback posts; what else it says is not kept."""

    trainerStatus: TrainerStatus  # noqa: N815


def digest(token: str) -> str:
    """What the database keeps of a round's token, which is long and random."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def authorize(session: Session, round_id: int, token: str) -> None:
    """Raises NotFound where the round does not run, and Unauthorized: each round has a token of its own."""
    wanted = session.scalar(select(Round.progress_token).where(Round.id == round_id, Round.state.in_(ACTIVE)))
    if wanted is None:
        raise NotFound(f"round {round_id} is not running")
    if not hmac.compare_digest(wanted, digest(token)):
        raise Unauthorized("the token is not that of this round")


def record(tx: Session, round_id: int, token: str, body: object) -> None:
    """Notes a TrainerReport; raises what `authorize` does, and InvalidRequest where the body is none."""
    authorize(tx, round_id, token)
    status = fitting(TrainerReport, body).trainerStatus
    values: dict[str, Any] = {}
    if status.progressPercentage is not None:
        values["progress"] = min(100.0, max(0.0, float(status.progressPercentage))) / 100
    left = status.estimatedRemainingSeconds
    values["seconds_left"] = None if left is None else max(0.0, float(left))
    if status.metrics is not None:
        values["metrics"] = _metrics(status.metrics)
    tx.execute(update(Round).where(Round.id == round_id, Round.state.in_(ACTIVE)).values(**values))


def _metrics(metrics: list[Any] | dict[str, Any]) -> dict[str, str]:
    if isinstance(metrics, list):
        named = [item for item in metrics if isinstance(item, Mapping) and "name" in item]
        metrics = {str(item["name"]): item.get("value") for item in named}
    return {name[:100]: str(value)[:100] for name, value in list(metrics.items())[:_METRICS]}
