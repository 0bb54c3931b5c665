"""The decision log by pages, and what came of a round: from its row, its decision and its report."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.backend.database.tables import Decision, Project, Round, now
from labelwheel.backend.errors import NotFound
from labelwheel.backend.rounds import jobs
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import rounds
from labelwheel.backend.views.rounds_body import Log, RoundDetails
from tests.backend import reported
from tests.backend.counting import counted
from tests.backend.stage import Stage


@pytest.fixture
def stage(settings: Settings) -> Stage:
    stage = Stage(settings)
    stage.connect("mood", "tone")
    return stage


def add_round(stage: Stage, version: str, **values: Any) -> int:
    common = {"trigger": "labels", "recipe": "auto", "label_count": 80, "created_at": now(), "ended_at": now()}
    with stage.database.transaction() as tx:
        row = Round(project_id=stage.project, question_id=1, version=version, **(common | values))
        tx.add(row)
        tx.flush()
        return row.id


def decide(stage: Stage, count: int, kind: str, question: str | None, **details: Any) -> None:
    with stage.database.transaction() as tx:
        for number in range(count):
            reason = f"{kind} {number}"
            tx.add(Decision(project_id=stage.project, question=question, kind=kind, reason=reason, details=details))


def log(stage: Stage, *filters: Any) -> dict[str, Any]:
    with stage.database.session() as session:
        found = rounds.log(session, stage.project, *filters)
    Log.model_validate(found)
    return found


def details(stage: Stage, number: int) -> dict[str, Any]:
    with stage.database.session() as session:
        row = rounds.of_project(session, stage.project, number)
        found = rounds.details(session, stage.settings, row)
    RoundDetails.model_validate(found)
    return found


def test_the_log_has_pages_and_can_be_filtered(stage: Stage) -> None:
    decide(stage, 60, "skipped", "mood")
    decide(stage, 3, "promoted", "tone", round=7, version="x")
    decide(stage, 1, "connected", None)
    first = log(stage)
    assert [each["kind"] for each in first["decisions"][:4]] == ["connected", "promoted", "promoted", "promoted"]
    assert (len(first["decisions"]), first["kinds"]) == (50, ["connected", "promoted", "skipped"])
    second = log(stage, None, None, first["next"])
    numbers = [each["id"] for each in first["decisions"] + second["decisions"]]
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) == 64
    assert second["next"] is None
    assert [each["round"] for each in log(stage, "tone")["decisions"]] == [7, 7, 7]
    assert log(stage, "mood", "promoted")["decisions"] == []
    exactly = log(stage, "mood", "skipped", second["decisions"][-10]["id"] + 41)
    assert (len(exactly["decisions"]), exactly["next"]) == (50, None)


def test_a_round_without_a_report_says_what_its_row_and_its_decision_say(stage: Stage) -> None:
    number = add_round(stage, "r1", state="rejected", reason="no better", score=0.6)
    gate = {"verdict": "no_better", "challenger_score": 0.6, "champion_score": 0.7, "difference": -0.1}
    decide(stage, 1, "rejected", "mood", round=number, version="r1", **gate)
    decide(stage, 1, "skipped", "tone")
    found = details(stage, number)
    assert found["gate"]["difference"] == -0.1
    assert (found["round"]["reason"], found["round"]["question"]) == ("no better", "mood")
    assert found["report"] is None
    assert "of what was promoted" in found["problem"]
    assert [each["kind"] for each in found["decisions"]] == ["rejected"]


def test_a_report_tells_no_slices_and_no_keys(stage: Stage) -> None:
    reported.promote(stage, inspect=False)
    found = details(stage, add_round(stage, "v1", state="promoted"))
    assert found["report"]["champion"]["won"] == ["good"]
    assert found["report"]["peak_memory"] == 2**30
    assert not {"slices", "confusions", "leakage"} & set(found["report"])


def test_what_an_older_report_has_not_is_none(stage: Stage) -> None:
    old = {
        "trials": [{"name": "head"}],
        "training_curve": [{"epoch": 1.0}],
        "champion": {"classes": [{"label": "good"}]},
    }
    reported.promote(stage, report=old, inspect=False)
    report = details(stage, add_round(stage, "v1", state="promoted"))["report"]
    assert report["trials"] == [{"name": "head", "score": None, "seconds": None, "detail": None}]
    assert report["training_curve"][0]["train_loss"] is None
    assert report["champion"]["classes"][0]["low"] is None


def test_the_log_of_a_job_is_the_end_of_its_file(stage: Stage) -> None:
    number = add_round(stage, "r1", state="failed")
    folder = jobs.folder(stage.settings, number)
    with stage.database.session() as session:
        row = session.get_one(Round, number)
        assert rounds.words(stage.settings, row) == ""
        folder.mkdir(parents=True)
        (folder / "log").write_text("it broke")
        assert rounds.words(stage.settings, row) == "it broke"


def test_a_round_of_another_project_is_not_found(stage: Stage) -> None:
    number = add_round(stage, "r1", state="failed")
    other = stage.connect("mood", title="Letters", reference="2.77")
    with stage.database.session() as session:
        assert session.get(Project, other) is not None
        assert rounds.of_project(session, stage.project, number).id == number
        for project, wanted in ((other, number), (stage.project, number + 1)):
            with pytest.raises(NotFound):
                rounds.of_project(session, project, wanted)


def test_statements_and_rows_do_not_grow_with_the_log(stage: Stage) -> None:
    decide(stage, 60, "skipped", "mood")
    with counted() as few:
        log(stage)
    decide(stage, 600, "skipped", "mood")
    with counted() as many:
        log(stage)
    assert (len(many.statements), many.rows) == (len(few.statements), few.rows)
