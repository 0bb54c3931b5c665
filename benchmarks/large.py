"""A project as large as they get: examples, people's labels, rounds and decisions, written past the intake."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, text

from demo import messages
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import (
    CheckpointRow,
    Decision,
    Event,
    ExampleRow,
    Impression,
    Label,
    Round,
    RoundState,
    WorkRow,
)
from labelwheel.backend.ledger import shown_order
from labelwheel.backend.ledger.shown_order import Proposed
from labelwheel.backend.suggestions import ordering

PIECE = 5000
ANNOTATORS = 6
ROUNDS = 60
BEGAN = datetime(2026, 1, 5, 8, tzinfo=UTC)


def fill(database: Database, project: int, question: int, examples: int, labels: int) -> None:
    """Fills a project that `engines.servers.set_up` made; a tenth of the labels are second opinions."""
    chance, rows = random.Random(13), messages.rows()
    topics = sorted({row["topic"] for row in rows})
    texts = [f"{rows[number % len(rows)]['text']} (no. {number})" for number in range(examples)]
    keys = [str(number + 1) for number in range(examples)]
    _write(database, ExampleRow, [_example(project, key, written) for key, written in zip(keys, texts, strict=True)])
    works, events, found = [], [], []
    for number in range(labels):
        place = number if number < labels * 0.9 else chance.randrange(int(labels * 0.9))
        gold = rows[place % len(rows)]["topic"]
        answer = gold if chance.random() < 0.9 else chance.choice(topics)
        suggested = gold if chance.random() < 0.8 else chance.choice(topics)
        made = BEGAN + timedelta(minutes=number)
        work = f"w{number}"
        shared = {"project_id": project, "example_key": keys[place], "annotator": f"tool:{number % ANNOTATORS}"}
        said = shared | {
            "question": "topic", "work_key": work, "answer": answer, "suggested": suggested, "blind": False,
            "origin": "accepted" if suggested == answer else "changed", "version": "lw-1-0001-abcdef",
            "lead_time": chance.uniform(2, 9), "made_at": made,
        }  # fmt: skip
        works.append(shared | {"key": work, "updated_at": made, "rejected": []})
        events.append(said | {"id": number + 1, "action": "created", "recorded_at": made})
        found.append(said | {"event_id": number + 1})
    for table, lines in ((WorkRow, works), (Event, events), (Label, found)):
        _write(database, table, lines)
    shown = [
        {
            "project_id": project,
            "example_key": key,
            "version": "lw-1-0001-abcdef",
            "answers": {"topic": topics[0]},
            "scores": {"topic": chance.random()},
        }
        for key in keys[: examples // 5]
    ]
    _write(database, Impression, shown)
    with database.transaction() as tx:
        # half of an order is labelled by the time that somebody looks at it
        left = keys[int(labels * 0.9) - ordering.RANKED // 2 :][: ordering.RANKED]
        proposed = [Proposed(key, chance.random(), (f"topic {chance.choice(topics)}",)) for key in left]
        shown_order.keep(tx, project, "mixed", proposed)
    _rounds(database, project, question, labels)
    with database.transaction() as tx:  # as autovacuum does within a minute: without counts no plan is a good one
        tx.execute(text("ANALYZE"))


def _example(project: int, key: str, text: str) -> dict[str, Any]:
    digest = hashlib.sha256(text.encode()).hexdigest()
    part = "held_out" if int(digest[:2], 16) < 51 else "train"
    columns = {"source": "app" if int(key) % 2 else "web"}
    return {
        "project_id": project, "key": key, "fields": {"text": text}, "columns": columns, "digest": digest,
        "group": digest, "part": part, "blind_lot": int(digest[2:4], 16) / 256, "added_at": BEGAN,
    }  # fmt: skip


def _rounds(database: Database, project: int, question: int, labels: int) -> None:
    rounds, checkpoints, decisions = [], [], []
    for number in range(ROUNDS):
        count, score = int(labels * (number + 1) / ROUNDS), 0.95 - 0.4 / (number + 1)
        measured = {"label_count": count, "score": score, "low": score - 0.03, "high": score + 0.03}
        promoted = number % 3 == 0
        at = BEGAN + timedelta(hours=number)
        rounds.append(
            measured
            | {
                "project_id": project, "question_id": question, "trigger": "labels", "recipe": "auto",
                "state": RoundState.PROMOTED if promoted else RoundState.REJECTED, "version": f"round-{number}",
                "started_at": at, "ended_at": at + timedelta(minutes=9), "created_at": at, "metrics": {},
            }
        )  # fmt: skip
        if promoted:
            known = {"question_id": question, "version": f"round-{number}", "folder": f"round-{number}"}
            checkpoints.append(measured | known | {"recipe": "auto", "metric": "accuracy", "created_at": at})
        for kind in ("ordered", "started", "promoted" if promoted else "rejected"):
            reason = f"round {number}, after {count} labels"
            line = {"project_id": project, "question": "topic", "kind": kind, "reason": reason, "details": {}}
            decisions.append(line | {"made_at": at})
    for table, lines in ((Round, rounds), (CheckpointRow, checkpoints), (Decision, decisions)):
        _write(database, table, lines)


def _write(database: Database, table: Any, lines: list[dict[str, Any]]) -> None:
    for start in range(0, len(lines), PIECE):
        with database.transaction() as tx:
            tx.execute(insert(table), lines[start : start + PIECE])
