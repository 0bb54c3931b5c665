"""A job's progress, in the protocol of transformers' KubeflowCallback, which a job speaks wherever it runs."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import ACTIVE, Round
from labelwheel.backend.errors import InvalidRequest, NotFound, Unauthorized

_METRICS = 50


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
    """Notes `{"trainerStatus": {"progressPercentage", "estimatedRemainingSeconds", "metrics": [{"name", "value"}]}}`.

    Raises what `authorize` does, and InvalidRequest.
    """
    authorize(tx, round_id, token)
    status = body.get("trainerStatus") if isinstance(body, Mapping) else None
    if not isinstance(status, Mapping):
        raise InvalidRequest("the body needs a trainerStatus")
    values: dict[str, Any] = {}
    percent = status.get("progressPercentage")
    if percent is not None:
        values["progress"] = min(100.0, max(0.0, _number(percent, "progressPercentage"))) / 100
    left = status.get("estimatedRemainingSeconds")
    values["seconds_left"] = None if left is None else max(0.0, _number(left, "estimatedRemainingSeconds"))
    if status.get("metrics") is not None:
        values["metrics"] = _metrics(status["metrics"])
    tx.execute(update(Round).where(Round.id == round_id, Round.state.in_(ACTIVE)).values(**values))


def _number(value: object, name: str) -> float:
    # transformers posts numbers, kubeflow's own client posts them as text
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest(f"{name} must be a number, not {value!r:.50}") from None
    if not math.isfinite(number):
        raise InvalidRequest(f"{name} must be a finite number")
    return number


def _metrics(metrics: object) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    if isinstance(metrics, Mapping):
        pairs = {str(name): value for name, value in metrics.items()}
    elif isinstance(metrics, list):
        pairs = {
            str(item["name"]): item.get("value") for item in metrics if isinstance(item, Mapping) and "name" in item
        }
    else:
        raise InvalidRequest("metrics must be a list of names and values")
    return {name[:100]: str(value)[:100] for name, value in list(pairs.items())[:_METRICS]}
