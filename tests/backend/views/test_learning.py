"""How a question is learnt, against rounds and labels that can be counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from labelwheel.backend.database.tables import Label, QuestionRow, Round
from labelwheel.backend.projects import projects
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import learning
from labelwheel.backend.views.learning_body import Learning
from labelwheel.backend.views.remembered import Remembered
from tests.backend.counting import counted
from tests.backend.stage import Stage

NOW = datetime(2026, 1, 5, tzinfo=UTC)
POINTS = (("promoted", 40, 0.6), ("rejected", 80, 0.7), ("promoted", 160, 0.78), ("rejected", 320, 0.84))


@pytest.fixture
def stage(settings: Settings) -> Stage:
    stage = Stage(settings)
    stage.connect("mood", "tone")
    return stage


def label(stage: Stage, answers: list[Any], origin: str = "accepted") -> None:
    """The oldest first."""
    rows = [
        {
            "project_id": stage.project, "question": "mood", "example_key": f"e{number}", "work_key": f"w{number}",
            "annotator": "ann", "answer": answer, "origin": origin, "version": "lw-1", "blind": False,
            "made_at": NOW + timedelta(minutes=number), "event_id": number + 1,
        }
        for number, answer in enumerate(answers)
    ]  # fmt: skip
    with stage.database.transaction() as tx:
        tx.execute(insert(Label), rows)


def learn(stage: Stage) -> None:
    with stage.database.transaction() as tx:
        for number, (state, labels, score) in enumerate(POINTS):
            tx.add(
                Round(
                    project_id=stage.project, question_id=1, trigger="labels", recipe="auto", state=state,
                    version=f"r{number}", label_count=labels, score=score, low=score - 0.03, high=score + 0.03,
                    ended_at=NOW + timedelta(hours=number),
                )
            )  # fmt: skip


def read(stage: Stage) -> dict[str, Any]:
    with stage.database.session() as session:
        project = projects.get(session, stage.project)
        found = learning.learning(session, stage.settings, project, session.get_one(QuestionRow, 1))
    Learning.model_validate(found)
    return found


def test_each_round_is_a_point_and_the_curve_goes_on_to_more_labels(stage: Stage) -> None:
    learn(stage)
    found = read(stage)
    assert [(each["state"], each["labels"], each["score"]) for each in found["rounds"]] == list(POINTS)
    assert [each["round"] for each in found["rounds"]] == [1, 2, 3, 4]
    curve = found["curve"]
    assert curve[0]["labels"] == 0
    assert curve[-1]["labels"] > 320 + 99
    assert all(each["low"] <= each["score"] <= each["high"] for each in curve)
    near = min(curve, key=lambda each: abs(each["labels"] - 320))
    assert near["score"] == pytest.approx(0.84, abs=0.03)


def test_a_checkpoint_speaks_for_a_round_without_a_score(stage: Stage) -> None:
    stage.promote({"mood": "v1"})
    (only,) = read(stage)["rounds"]
    assert (only["version"], only["state"], only["score"], only["labels"]) == ("v1", "promoted", 0.91, 0)
    assert read(stage)["curve"] == []


def test_the_mix_counts_values_in_the_order_they_came(stage: Stage) -> None:
    label(stage, ["good"] * 10 + ["bad"] * 4 + ["good"] * 6 + ["so-so"] * 3)
    mix = read(stage)["mix"]
    assert (mix["size"], mix["values"], mix["others"], mix["most"]) == (10, ["good", "bad", "so-so"], 0, False)
    assert [each["counts"] for each in mix["bins"]] == [[10, 0, 0], [6, 4, 0], [0, 0, 3]]
    assert [each["until"] for each in mix["bins"]] == [10, 20, 23]
    assert datetime.fromisoformat(mix["bins"][1]["first"]).replace(tzinfo=UTC) == NOW + timedelta(minutes=10)


def test_rare_values_are_counted_together(stage: Stage) -> None:
    label(stage, [f"v{number:02}" for number in range(15)] + [f"v{number:02}" for number in range(12)])
    mix = read(stage)["mix"]
    assert mix["values"] == [f"v{number:02}" for number in range(12)]
    assert mix["others"] == 3
    assert sum(each["others"] for each in mix["bins"]) == 3


def test_statements_and_rows_do_not_grow_with_the_labels(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    learn(stage)
    label(stage, ["good", "bad"] * 120)
    with counted() as few:
        read(stage)
    with stage.database.transaction() as tx:
        tx.query(Label).delete()
    label(stage, ["good", "bad"] * 1200)
    monkeypatch.setattr(learning, "_kept", Remembered())
    with counted() as many:
        read(stage)
    assert len(many.statements) <= len(few.statements)
    assert many.rows <= few.rows + 2 * 24
