"""The state of everything, as JSON, for `labelwheel status`, the dashboard and programs."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from backend.settings import Settings


def status(session: Session, settings: Settings) -> dict[str, Any]:
    """Every project with its questions, the worker and the web processes. Times are ISO 8601 in UTC.

    ```
    {"worker": {"alive": bool, "owner": str | None, "seen_at": time | None},
     "servers": [{"name", "alive", "seen_at", "memory_mb", "serving": {project id: generation}, "problems"}],
     "projects": [{
       "id", "tool", "url", "external_id", "title", "state", "step", "problem",
       "version": {"current": str | None, "served": [str], "announced": str | None},
       "poll": {"at", "lag_seconds", "hinted_at"}, "sweep": {"at", "running": bool},
       "examples": {"total", "gone", "labelled", "train", "held_out", "apart"},
       "work": {"total", "skipped", "rejected": [str]},
       "backfill": {"version", "state", "done", "total", "started_at"} | None,
       "acceptance": [{"version", "accepted", "changed", "made", "rate": float | None}],
       "unlearnt": [{"name", "reason"}],
       "questions": [{
         "id", "name", "kind", "active", "pinned",
         "champion": {"version", "recipe", "metric", "score", "low", "high", "label_count", "created_at"} | None,
         "labels": {"total", "train", "held_out", "apart", "disagreement", "unusable"},
         "next_round": {"labels_left": int | None, "reason": str},
         "round": {"id", "state", "trigger", "recipe", "version", "progress", "seconds_left", "metrics",
                   "started_at"} | None,
         "curve": [{"version", "labels", "score", "low", "high", "acceptance"}]}],
       "decisions": [{"at", "question", "kind", "reason", "details"}]}]}
    ```
    """
    raise NotImplementedError
