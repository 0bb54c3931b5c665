"""One round that cannot go on fails, with its reason; all others go on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from labelwheel.backend.rounds import data, evidence, gate, jobs, promotion, shared_jobs
from labelwheel.training.questions import Kind, Option, Question
from tests.backend.faults import ERRORS
from tests.backend.world import World

QUESTIONS = tuple(
    Question(name=name, kind=Kind.CHOICE, inputs=("text",), options=(Option(value="yes"), Option(value="no")))
    for name in ("first", "second")
)
UNEXPECTED = ERRORS[1:]


@pytest.fixture
def two(world: World) -> World:
    """Two questions, each with a champion and labels for a round."""
    world.tool.questions = QUESTIONS
    world.tool.add("one text", "another text")
    world.connect()
    world.settle()
    assert [row.state for row in world.rounds] == ["promoted"] * 2
    return world


def break_for(world: World, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, error: Callable[[], Any]) -> None:
    """A function raises whenever it is about the first question's round."""
    real, question = getattr(place, name), world.question("first").id

    def breaks(*given: Any, **more: Any) -> Any:
        for one in (*given, *more.values()):
            about = [getattr(one, "question_id", None), getattr(one, "name", None), getattr(one, "version", one)]
            if question == about[0] or about[1] == "first" or "-first-" in str(about[2]):
                raise error()
        return real(*given, **more)

    monkeypatch.setattr(place, name, breaks)


def order_both(world: World) -> None:
    for name in ("first", "second"):
        world.order(name, trigger="labels")


STEPS = [(data, "write"), (jobs, "specify"), (jobs, "finished"), (gate, "judge"), (promotion, "promote")]


@pytest.mark.parametrize("error", UNEXPECTED, ids=lambda make: type(make()).__name__)
@pytest.mark.parametrize(("place", "name"), STEPS, ids=[name for _, name in STEPS])
def test_a_step_that_raises_fails_its_round_and_no_other(
    two: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: Any, name: str, error: Any
) -> None:
    break_for(two, monkeypatch, place, name, error)
    order_both(two)
    two.turns(15)
    first, second = two.rounds[2:4]
    assert (first.state, second.state) == ("failed", "promoted")
    assert type(error()).__name__ in (first.reason or "")
    assert ("first", "failed", first.reason) in two.decisions
    traces = [record for record in caplog.records if record.exc_info]
    assert len(traces) == 1


@pytest.mark.parametrize("error", UNEXPECTED, ids=lambda make: type(make()).__name__)
@pytest.mark.parametrize("call", ["submit", "poll"])
def test_a_launcher_that_raises_fails_the_round_and_leaves_no_job(
    two: World, monkeypatch: pytest.MonkeyPatch, call: str, error: Any
) -> None:
    monkeypatch.setattr(shared_jobs, "TOGETHER", 1)  # a job that two share goes on for the other one
    real, broken = getattr(two.launcher, call), [True]

    def breaks(*given: Any) -> Any:
        if broken[0]:
            broken[0] = False
            raise error()
        return real(*given)

    monkeypatch.setattr(two.launcher, call, breaks)
    order_both(two)
    two.turns(15)
    assert [row.state for row in two.rounds[2:4]] == ["failed", "promoted"]
    assert call == "submit" or [job.cancelled for job in two.launcher.jobs.values()].count(True) == 1


def test_a_job_that_cannot_be_stopped_holds_nobody_up(two: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from labelwheel.backend.rounds import round_commands

    two.launcher.automatic = None
    two.order("first", trigger="labels")
    two.turns(3)
    with two.database.transaction() as tx:
        round_commands.cancel(tx, two.rounds[-1].id)

    def breaks(handle: str) -> None:
        raise KeyError(handle)

    monkeypatch.setattr(two.launcher, "cancel", breaks)
    two.launcher.automatic = 0.1
    two.order("second", trigger="labels")
    two.turns(10)
    assert [row.state for row in two.rounds[2:4]] == ["cancelled", "promoted"]


def test_a_database_that_is_away_for_a_moment_is_no_rounds_fault(two: World, monkeypatch: pytest.MonkeyPatch) -> None:
    left, real = [3], gate.judge

    def away(*given: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise OperationalError("SELECT 1", {}, Exception("database is locked"))
        return real(*given)

    monkeypatch.setattr(gate, "judge", away)
    order_both(two)
    two.turns(15)
    assert [row.state for row in two.rounds[2:4]] == ["promoted", "promoted"]


def test_one_that_always_fails_because_of_the_database_fails_in_the_end(
    two: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    error = ERRORS[0]
    break_for(two, monkeypatch, gate, "judge", error)
    order_both(two)
    caplog.set_level(logging.WARNING)
    caplog.clear()
    two.turns(20)
    assert [row.state for row in two.rounds[2:4]] == ["failed", "promoted"]
    assert len([record for record in caplog.records if "disk I/O" in record.message]) == 1


def test_a_question_that_cannot_be_judged_holds_no_other_up(two: World, monkeypatch: pytest.MonkeyPatch) -> None:
    break_for(two, monkeypatch, evidence, "read", UNEXPECTED[2])
    for key in two.tool.add(*(f"text {number} says {number**7}" for number in range(60))):
        two.tool.submit(key, {"first": "yes" if int(key) % 2 else "no", "second": "yes" if int(key) % 2 else "no"})
    two.turns(25)
    counts = [sum(row.question_id == two.question(name).id for row in two.rounds) for name in ("first", "second")]
    assert counts[0] == 1, "that from its names"
    assert counts[1] >= 2
