"""How searches are told: as JSON that fits its model, in `status`, and in a report."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelwheel.backend.database.tables import QuestionRow, TuningRow
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import tuning, wording
from labelwheel.backend.views.status import status
from labelwheel.backend.views.status_body import Status
from labelwheel.backend.views.tuning_body import BriefTuning, Tuning
from tests.backend import tuning_rows
from tests.backend.counting import counted
from tests.backend.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(Settings(home=tmp_path))
    stage.connect("mood", "tone")
    return stage


def test_without_a_search_the_defaults_are_told(stage: Stage) -> None:
    with stage.database.session() as session:
        question = session.get_one(QuestionRow, 1)
        found, brief = tuning.read(session, question), tuning.brief(session, question)
        assert tuning.markdown(session, question) == ""
    Tuning.model_validate(found)
    assert found == {"question": "mood", "tuned": None, "searches": [], "trials": []}
    assert brief == {"tuned": None, "search": None}
    assert wording.tuning({"name": "mood", "tuning": brief}) is None


def test_a_search_that_runs_is_told_with_how_far_it_is(stage: Stage) -> None:
    with stage.database.transaction() as tx:
        tuning_rows.plant(tx, state="running")
    with stage.database.session() as session:
        whole = status(session, stage.settings)
        brief = tuning.brief(session, session.get_one(QuestionRow, 1))
    Status.model_validate(whole)
    BriefTuning.model_validate(brief)
    assert whole["projects"][0]["questions"][0]["tuning"] == brief
    search = brief["search"]
    assert (search["progress"], search["seconds_left"], search["counted"]) == (0.25, 450.0, 3)
    line = wording.tuning({"name": "mood", "tuning": brief})
    assert line == "mood is being tuned: 25 %, 3 trials, 8 min of jobs left"


def test_a_search_that_has_ended_is_told_with_its_trials_and_what_matters(stage: Stage) -> None:
    with stage.database.transaction() as tx:
        tuning_rows.plant(tx)
        tuning_rows.plant(tx, words="better | than before")
        tx.get_one(QuestionRow, 1).tuned = {"strategy": "a", "knobs": {"steps": 2.0}}
    with stage.database.session() as session:
        question = session.get_one(QuestionRow, 1)
        found, text = tuning.read(session, question), tuning.markdown(session, question)
    Tuning.model_validate(found)
    assert [each["id"] for each in found["searches"]] == [2, 1]
    assert found["tuned"]["words"] == "a, steps × 2"
    assert [each["became"] for each in found["trials"]] == [
        "complete", "complete", "complete", "pruned", "waiting", "measured anew",
    ]  # fmt: skip
    assert [each["value"] for each in found["trials"]] == [0.4, 0.4, 0.396, 0.6, None, 0.399]
    assert found["trials"][2]["settings"] == f"{tuning_rows.STRATEGY}, 50% of the layers, steps × 2"
    assert "Better | than before." in text
    assert "Rounds learn by: a, steps × 2." in text
    assert f"| {tuning_rows.STRATEGY}: steps | 75% |" in text
    assert f"| 2 | {tuning_rows.STRATEGY}, 50% of the layers, steps × 2 | 3 | 0.800 | 0.396 | complete |" in text
    assert wording.tuning({"name": "mood", "tuning": {"tuned": found["tuned"], "search": found["searches"][0]}}) == (
        "mood learns by: a, steps × 2"
    )


def test_a_question_that_shares_a_champion_tells_its_homes_search(stage: Stage) -> None:
    with stage.database.transaction() as tx:
        tuning_rows.plant(tx)
        tx.get_one(QuestionRow, 2).home_id = 1
    with stage.database.session() as session:
        assert tuning.read(session, session.get_one(QuestionRow, 2))["searches"]


def test_statements_do_not_grow_with_searches_and_losses_are_not_read(stage: Stage) -> None:
    with stage.database.transaction() as tx:
        tuning_rows.plant(tx)

    def read() -> int:
        with stage.database.session() as session, counted() as found:
            tuning.read(session, session.get_one(QuestionRow, 1))
        assert not any("losses" in each or "groups" in each for each in found.statements)
        return len(found.statements)

    first = read()
    with stage.database.transaction() as tx:
        for _ in range(40):
            tuning_rows.plant(tx)
        assert tx.query(TuningRow).count() == 41
    assert read() <= first + 2 * tuning.SEARCHES
