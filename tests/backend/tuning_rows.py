"""A search that has ended, and its trials, as rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import TrialRow, TuningRow, now

STRATEGY = "encoder tuned by contrast"


def plant(tx: Session, question_id: int = 1, state: str = "done", words: str = "worth less than its noise") -> int:
    """With the defaults, three trials and one that was measured anew; `words` is its reason."""
    active = state in ("queued", "running")
    verdict = {
        "worth": False, "reason": words, "best": 0, "gain": 0.004, "noise": 0.02, "chance": 0.6, "answers": 0.0,
        "looks": 3, "groups": 80,
    }  # fmt: skip
    row = TuningRow(
        project_id=1, question_id=question_id, state=state, budget=600.0, spent=150.0, label_count=96, most_trials=None,
        reason=None if active else words, verdict=None if active else verdict, tidy=not active,
        importances={f"{STRATEGY}: steps": 0.75, "layers": 0.25}, started_at=now(), ended_at=None if active else now(),
        tuned=None if active else {"strategy": STRATEGY, "knobs": {"steps": 2.0}},
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    tuned: dict[str, Any] = {"strategy": STRATEGY, "knobs": {"steps": 2.0}, "depth": 0.5}
    trials = (
        ("defaults", "complete", 2, None, {"2": 0.4}, None),
        ("search", "complete", 2, {"strategy": STRATEGY}, {"2": 0.4}, 0),
        ("search", "complete", 2, tuned, {"0": 0.5, "1": 0.45, "2": 0.396}, None),
        ("search", "pruned", 0, {**tuned, "depth": 1.0}, {"0": 0.6}, None),
        ("search", "waiting", 0, tuned, {}, None), ("anew", "complete", 2, tuned, {"2": 0.399}, 2),
    )  # fmt: skip
    for number, (role, became, rung, settings, values, of) in enumerate(trials):
        tx.add(
            TrialRow(
                tuning_id=row.id, number=number, role=role, state=became, rung=rung, settings=settings, values=values,
                of=of, score=0.8 if values else None, seconds=12.0, detail=words,
            )
        )  # fmt: skip
    tx.flush()
    return row.id
