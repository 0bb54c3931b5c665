"""What rounds scored, promoted or not, and what is foreseen by that."""

from __future__ import annotations

import pytest

from labelwheel.backend.database.tables import CheckpointRow, Project, QuestionRow, Round, RoundState
from labelwheel.backend.views import outlook
from labelwheel.backend.views.learning import learning
from labelwheel.backend.views.status import status
from tests.backend.fake_jobs import BAD, GOOD
from tests.backend.world import World

POINTS = [(40, 0.6), (80, 0.7), (160, 0.78), (320, 0.84)]


@pytest.fixture
def learnt(world: World) -> World:
    """A connected project after a round that was promoted and one that was rejected."""
    world.connect()
    world.settle()
    world.label(5)
    world.settle()
    world.launcher.automatic = BAD
    world.label(3)
    world.settle()
    return world


def read(world: World) -> dict:
    with world.database.session() as session:
        return status(session, world.settings)["projects"][0]["questions"][0]


def test_rejected_rounds_have_scored_too(learnt: World) -> None:
    states = [found.state for found in learnt.rounds if found.recipe == "auto" and found.label_count]
    assert {"promoted", "rejected"} <= set(states)
    told = read(learnt)
    scored = {round(row["score"], 6) for row in told["scores"]}
    assert {round(1 - GOOD, 6), round(1 - BAD, 6)} <= scored
    assert round(1 - BAD, 6) not in {round(row["score"], 6) for row in told["curve"]}
    assert told["outlook"]["needed"] is None
    assert "before anything can be said" in told["outlook"]["reason"]


def test_checkpoints_speak_for_rounds_that_kept_no_score(world: World) -> None:
    world.connect()
    world.settle()
    with world.database.transaction() as tx:
        question = tx.query(QuestionRow).filter_by(name="topic").one()
        common = {"question_id": question.id, "folder": "x", "recipe": "auto", "digest": "d", "metric": "accuracy"}
        for number, (labels, score) in enumerate(POINTS):
            span = {"score": score, "low": score - 0.03, "high": score + 0.03}
            tx.add(CheckpointRow(version=f"f{number}", label_count=labels, last_event_id=0, **span, **common))
        for number, score in enumerate((0.5, None, 0.86)):
            span = {} if score is None else {"score": score, "low": score - 0.02, "high": score + 0.02}
            tx.add(
                Round(
                    project_id=question.project_id, question_id=question.id, trigger="labels", recipe="auto",
                    state=RoundState.REJECTED, version=f"r{number}", label_count=320, **span,
                )
            )  # fmt: skip
    told = read(world)
    later = [(row["labels"], row["score"]) for row in told["scores"] if row["labels"]]
    assert later == [*POINTS[:-1], (320, 0.86)]
    assert told["outlook"]["target"] == world.settings.target == 0.9
    assert told["outlook"]["needed"]["median"] > 320
    assert told["learnt"] == {"scores": told["scores"], "labels": None}
    assert outlook.outlook(outlook.Learnt(**told["learnt"]), 0.8)["reached"]


def ended(world: World, curve: list[dict] | None, state: RoundState = RoundState.REJECTED) -> None:
    """One more round, with what it has drawn."""
    with world.database.transaction() as tx:
        question = tx.query(QuestionRow).filter_by(name="topic").one()
        count = tx.query(Round).count()
        tx.add(
            Round(
                project_id=question.project_id, question_id=question.id, trigger="labels", recipe="auto",
                state=state, version=f"n{count}", label_count=200 + count, learning_curve=curve,
            )
        )  # fmt: skip


def test_the_newest_learning_curve_says_how_it_goes_on(world: World) -> None:
    world.connect()
    world.settle()
    curves = [
        [
            {"labels": labels, "score": score + more, "low": score - 0.03, "high": score + 0.05}
            for labels, score in POINTS
        ]
        for more in (0.0, 0.01)
    ]
    ended(world, curves[0], RoundState.PROMOTED)
    ended(world, curves[1])
    ended(world, None, RoundState.FAILED)
    told = read(world)
    rounds = [found for found in world.rounds if found.learning_curve]
    assert told["learnt"] == {"scores": curves[1], "labels": rounds[-1].label_count}
    assert told["outlook"]["labels"] == rounds[-1].label_count
    assert told["outlook"]["needed"]["median"] > 320
    with world.database.session() as session:
        question = session.query(QuestionRow).filter_by(name="topic").one()
        page = learning(session, world.settings, session.get_one(Project, question.project_id), question)
    assert page["fewer_labels"] == curves[1]
    assert page["outlook"] == told["outlook"]
    assert page["curve"]


def test_a_round_without_a_curve_says_that_the_one_before_is_of_something_else(world: World) -> None:
    world.connect()
    world.settle()
    ended(world, [{"labels": 50, "score": 0.5, "low": 0.4, "high": 0.6}] * 3, RoundState.PROMOTED)
    ended(world, None, RoundState.PROMOTED)
    told = read(world)
    assert told["learnt"] == {"scores": told["scores"], "labels": None}
