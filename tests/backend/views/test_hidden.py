"""What is too unsure to be suggested is said with its reason and its share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from labelwheel.backend.database.tables import CheckpointRow, QuestionRow
from labelwheel.backend.projects import champion_groups
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import hidden, wording
from labelwheel.backend.views.shares_body import Hidden
from tests.backend import reported
from tests.backend.stage import Stage

MEASURED = {"below": 0.5, "suggestions": 50, "hidden": 17}


def row(kind: str) -> QuestionRow:
    spec = {"name": "q", "kind": kind, "inputs": ["text"], "options": [{"value": "a"}, {"value": "b"}]}
    return QuestionRow(id=1, project_id=1, name="q", spec=spec)


def told(kind: str, measured: dict[str, Any], **settings: Any) -> dict[str, Any]:
    found = hidden.told(Settings(_env_file=None, **settings), row(kind), measured)
    Hidden.model_validate(found)
    return found


@pytest.mark.parametrize(
    ("settings", "below", "source"),
    [
        ({}, 0.5, "default"),
        ({"costs": {"spans": (1, 3, 0)}}, 0.25, "LABELWHEEL_COSTS"),
        ({"costs": {"spans": (1, 3, 0)}, "show": {"spans": 0.4}}, 0.4, "LABELWHEEL_SHOW"),
        ({"show": {"choice": 0.4}}, 0.5, "default"),
    ],
)
def test_the_score_in_force_is_said_with_what_sets_it(settings: dict[str, Any], below: float, source: str) -> None:
    found = told("spans", {}, **settings)
    assert (found["below"], found["source"], found["one_by_one"]) == (below, source, True)
    assert (found["suggestions"], found["hidden"], found["share"], found["measured_below"]) == (None,) * 4


def test_the_share_is_that_of_the_measured_suggestions() -> None:
    found = told("spans", MEASURED)
    assert (found["share"], found["hidden"], found["suggestions"]) == (0.34, 17, 50)
    assert told("spans", {"below": 0.5, "suggestions": 0, "hidden": 0})["share"] is None


def test_sentences() -> None:
    assert wording.hidden(told("spans", MEASURED)) == (
        "spans with a score below .50 are not shown (below it showing one costs more than none): "
        "17 of 50 (34 %) on the measured examples"
    )
    assert wording.hidden(told("spans", MEASURED, show={"spans": 0.2})) == (
        "spans with a score below .20 are not shown (LABELWHEEL_SHOW); below .50 as measured: "
        "17 of 50 (34 %) on the measured examples"
    )
    assert wording.hidden(told("choice", {"below": 0.0, "suggestions": 9, "hidden": 0})) == (
        "all suggestions are shown, however unsure (a wrong one costs no more than none)"
    )
    assert wording.hidden(told("choices", {}, show={"choices": 0.6})) == (
        "suggestions with a score below .60 are not shown (LABELWHEEL_SHOW)"
    )


def test_of_a_champion_it_is_what_it_was_promoted_with(tmp_path: Path, database_url: str) -> None:
    stage = Stage(Settings(home=tmp_path, database=database_url))
    stage.connect("mood")
    reported.promote(stage)
    with stage.database.transaction() as tx:
        question = tx.scalars(select(QuestionRow)).one()
        for version, measured in (("v1", MEASURED), ("v2", {"below": 0.0, "suggestions": 1, "hidden": 1})):
            details = {"version": version, "report": {"hidden": measured}}
            champion_groups.decide(tx, question, "promoted", "it is better", details)
        champion_groups.decide(tx, question, "rejected", "it is not", {"version": "v1"})
    with stage.database.session() as session:
        question = session.scalars(select(QuestionRow)).one()
        champion = session.scalars(select(CheckpointRow).where(CheckpointRow.version == "v1")).one()
        assert hidden.of_champion(session, stage.settings, question, champion)["share"] == 0.34
        assert hidden.of_champion(session, stage.settings, question, None)["share"] is None
    stage.database.dispose()
