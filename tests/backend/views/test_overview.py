"""The first page's figures, against a ledger in which each can be counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import Label, Project, Server
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import overview
from labelwheel.backend.views.overview_body import Overview
from tests.backend.counting import counted
from tests.backend.stage import Stage

NOW = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def stage(settings: Settings) -> Stage:
    stage = Stage(settings)
    stage.connect("mood", "tone")
    stage.promote({"mood": "v1"})
    return stage


def label(database: Database, project: int, question: str, origins: list[str]) -> None:
    """So many labels, the oldest first."""
    rows = [
        {
            "project_id": project, "question": question, "example_key": f"e{number}", "work_key": f"w{number}",
            "annotator": "ann", "answer": "good", "origin": origin, "version": "lw-1", "blind": False,
            "made_at": NOW + timedelta(minutes=number), "event_id": number + 1,
        }
        for number, origin in enumerate(origins)
    ]  # fmt: skip
    with database.transaction() as tx:
        tx.execute(insert(Label), rows)


def read(stage: Stage) -> dict[str, Any]:
    with stage.database.session() as session:
        found = overview.overview(session, stage.settings)
    Overview.model_validate(found)
    return found


def test_acceptance_is_that_of_the_newest_fifty_answers_to_suggestions(stage: Stage) -> None:
    older = ["changed"] * 30 + ["made"] * 10
    label(stage.database, stage.project, "mood", older + ["accepted"] * 40 + ["changed"] * 10)
    mood, tone = read(stage)["projects"][0]["questions"]
    assert mood["accepted"] == {"accepted": 40, "answered": 50, "rate": 0.8}
    assert tone["accepted"] == {"accepted": 0, "answered": 0, "rate": None}


def test_what_is_wrong_says_what_to_do(stage: Stage) -> None:
    told = read(stage)
    assert [each.split(":")[0] for each in told["problems"]] == [
        "no web process reports that it serves",
        "the worker is not running, no label is taken in",
    ]
    with stage.database.transaction() as tx:
        project = tx.get_one(Project, stage.project)
        project.problem = "the key was refused; connect again"
        project.stalled_at = NOW
        project.unlearnt = [{"name": "boxes", "reason": "it is about images"}]
        project.aside = {"7": {"reason": "it answers 500"}}
        moment = datetime.now(UTC)
        broken = {str(stage.project): {"message": "no such file"}}
        tx.add(Server(name="web:1", seen_at=moment, serving={}, problems=broken, memory_mb=200.0, models={}))
    assert Hold(stage.database).acquire()
    told = read(stage)
    assert told["problems"] == []
    assert told["memory_mb"] == 200
    (card,) = told["projects"]
    assert card["health"] == "stalled"
    assert card["problems"][0] == "the key was refused; connect again"
    assert card["problems"][2:] == [
        "web:1 cannot load the next models: no such file",
        "example 7 is set aside: it answers 500",
    ]
    assert card["notes"] == ["boxes is not learnt: it is about images"]


def test_its_statements_do_not_grow_with_the_labels(stage: Stage) -> None:
    label(stage.database, stage.project, "mood", ["accepted"] * 3)
    with counted() as few:
        read(stage)
    with stage.database.transaction() as tx:
        tx.query(Label).delete()
    label(stage.database, stage.project, "mood", ["accepted"] * 300)
    with counted() as many:
        read(stage)
    assert len(many.statements) <= len(few.statements)
