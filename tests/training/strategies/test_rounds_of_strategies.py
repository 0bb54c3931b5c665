"""How a round goes through its strategies, whatever they are: what is tried, what is given up, what is proposed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from labelwheel.training.errors import InvalidJob, OutOfMemory, TooFewLabels
from labelwheel.training.progress import Listener, Progress
from labelwheel.training.strategies import allowance, registry
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.materials import Budget, Materials
from labelwheel.training.strategies.outcome import Outcome
from labelwheel.training.strategies.selection import Selection
from tests.training.strategies.test_selection import outcome, problem


class Stand(Strategy):
    """Is wrong on so many of 48 examples, and says in its settings who it is."""

    name = "stand-in"
    recipe = "stood"
    cost = Cost.SECONDS
    wrong: ClassVar[int] = 0
    fit: ClassVar[bool] = True
    measuring: ClassVar[Exception | None] = None
    finishing: ClassVar[Exception | None] = None

    def applies(self) -> bool:
        return self.fit

    def measure(self) -> Outcome:
        if self.measuring:
            raise self.measuring
        return outcome(self.name, self.given.problem, range(self.wrong))

    def finish(self) -> Finished:
        if self.finishing:
            raise self.finishing
        return Finished(object(), {"by": self.name})


def stand(name: str, **fields: Any) -> type[Stand]:
    return type(name, (Stand,), {"name": name, **fields})


@pytest.fixture
def round_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A round with these strategies and no others."""

    def made(*strategies: type[Strategy]) -> Selection:
        mine: list[type[Strategy]] = []
        monkeypatch.setattr(registry, "_registered", lambda: mine)
        for each in strategies:
            registry.register(each)
        budget, progress = Budget(time.monotonic() + 60), Progress(Listener())
        nothing: Any = None
        return Selection(Materials(problem(), nothing, nothing, nothing, None, 64, 13, budget, progress))

    return made


def names(selection: Selection) -> Sequence[str]:
    return [trial.name for trial in selection.trials]


def test_cheap_ones_are_tried_first_and_the_best_is_finished(round_of: Any) -> None:
    selection = round_of(stand("dear", cost=Cost.MINUTES), stand("cheap", wrong=20), stand("unfit", fit=False))
    found = selection.propose()
    assert names(selection) == ["cheap", "dear"]
    assert (found.strategy.name, found.settings) == ("dear", {"by": "dear"})
    assert found.reason.startswith("dear beats cheap")
    assert names(again := round_of(stand("dear", cost=Cost.MINUTES), stand("cheap", wrong=20))) == []
    assert again.propose(dearest=Cost.SECONDS).strategy.name == "cheap"
    assert names(again) == ["cheap"]
    assert names(dear := round_of(stand("dear", cost=Cost.MINUTES), stand("cheap", fit=False))) == []
    assert dear.propose(dearest=Cost.SECONDS).strategy.name == "dear", "where nothing cheap can learn it"


def test_one_that_runs_out_of_memory_or_time_is_given_up_and_the_round_goes_on(round_of: Any) -> None:
    selection = round_of(
        stand("greedy", measuring=OutOfMemory("too big")), stand("slow", measuring=TimeoutError("too late")),
        stand("modest", wrong=20),
    )  # fmt: skip
    found = selection.propose()
    assert found.strategy.name == "modest"
    assert [(trial.name, trial.score, trial.detail) for trial in selection.trials[:2]] == [
        ("greedy", None, "too big"), ("slow", None, "too late"),
    ]  # fmt: skip
    assert selection.given.notes == ["greedy was given up: too big", "slow was given up: too late"]


def test_one_that_another_replaces_is_tried_only_where_that_came_to_nothing(round_of: Any) -> None:
    behind = stand("behind")

    def replaces(self: Stand) -> tuple[type[Strategy], ...]:
        return (behind,)

    for fields, tried in (
        ({}, ["cheap", "ahead"]),
        ({"measuring": TimeoutError("too late")}, ["cheap", "ahead", "behind"]),
        ({"fit": False}, ["cheap", "behind"]),
    ):
        selection = round_of(stand("cheap", wrong=20), stand("ahead", replaces=replaces, **fields), behind)
        selection.propose()
        assert names(selection) == tried


def test_a_cheap_one_may_take_the_place_of_a_dear_one(round_of: Any) -> None:
    dear = stand("dear", cost=Cost.MINUTES, applies=lambda self: pytest.fail("nobody asks"))
    selection = round_of(stand("cheap", replaces=lambda self: (dear,)), stand("other", wrong=20), dear)
    assert selection.propose().strategy.name == "cheap"
    assert names(selection) == ["cheap", "other"]


def test_what_trains_the_encoder_has_as_much_time_as_the_labels_allow(round_of: Any) -> None:
    """Of 3,600 s that the job has; cheap ones, and the final training, have all of it."""
    left: dict[str, list[float]] = {}

    def measure(self: Stand) -> Outcome:
        left.setdefault(self.name, []).append(self.given.budget.seconds)
        return outcome(self.name, self.given.problem, range(self.wrong))

    def finish(self: Stand) -> Finished:
        left[self.name].append(self.given.budget.seconds)
        return Finished(object(), {})

    more = {"measure": measure, "finish": finish}
    selection = round_of(
        stand("cheap", wrong=20, **more), stand("dear", cost=Cost.MINUTES, **more),
        stand("slow", cost=Cost.MINUTES, measuring=TimeoutError("an epoch takes 1200 s")),
        stand("greedy", cost=Cost.MINUTES, measuring=OutOfMemory("too big")),
    )  # fmt: skip
    selection.given.budget.deadline = time.monotonic() + 3600
    assert selection.propose().strategy.name == "dear"
    allowed = allowance.seconds(48, 0.0)
    assert allowed < 1200
    assert left["cheap"][0] > 3000
    assert allowed - 60 < left["dear"][0] <= allowed
    assert left["dear"][1] > 3000
    assert selection.given.notes == [
        f"slow was given up: an epoch takes 1200 s; 48 labels allow {allowed:.0f} s for all such tries",
        "greedy was given up: too big",
    ]


def test_a_job_that_has_less_time_than_the_labels_allow_keeps_to_its_own(round_of: Any) -> None:
    selection = round_of(stand("cheap"), stand("slow", cost=Cost.MINUTES, measuring=TimeoutError("too late")))
    selection.propose()
    assert selection.given.notes == ["slow was given up: too late"]


def test_more_labels_allow_more_and_so_do_long_texts() -> None:
    assert allowance.seconds(30, 1.0) <= 600, "a round on thirty labels does not take half an hour"
    assert allowance.seconds(30, 1.0) < allowance.seconds(100, 1.0) < allowance.seconds(100, 100.0)


def test_a_fault_of_ours_is_not_taken_for_a_want_of_time(round_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "comes_along", lambda strategy: True)
    with pytest.raises(ZeroDivisionError):
        round_of(stand("broken", measuring=ZeroDivisionError()), stand("sound")).propose()


def raises(*arguments: object) -> Any:
    raise ZeroDivisionError("by nothing")


@pytest.mark.parametrize("fields", [{"__init__": raises}, {"applies": raises}])
def test_what_another_package_brings_fails_by_itself_before_it_is_tried(round_of: Any, fields: Any) -> None:
    selection = round_of(stand("broken", **fields), stand("sound"))
    assert selection.propose().strategy.name == "sound"
    assert selection.given.notes == ["broken cannot be tried: ZeroDivisionError: by nothing"]


def test_what_another_package_brings_fails_by_itself_as_it_is_tried(round_of: Any) -> None:
    measuring = stand("broken", measuring=ZeroDivisionError("by nothing"))
    finishing = stand("half", cost=Cost.MINUTES, finishing=ZeroDivisionError("by nothing"))
    selection = round_of(measuring, stand("sound", wrong=20), finishing)
    found = selection.propose()
    assert (found.strategy.name, found.reason) == ("sound", "half won, but ZeroDivisionError: by nothing")
    assert selection.given.notes == ["broken was given up: ZeroDivisionError: by nothing", found.reason]


def test_a_winner_that_cannot_finish_leaves_its_place_to_the_cheapest(round_of: Any) -> None:
    late = stand("late", cost=Cost.MINUTES, finishing=TimeoutError("the time was up"))
    middling = stand("middling", wrong=10)
    selection = round_of(late, stand("cheap", wrong=20), middling)
    found = selection.propose()
    assert (found.strategy.name, found.outcome.name, found.settings) == ("cheap", "cheap", {"by": "cheap"})
    assert found.reason == "late won, but the time was up"
    assert selection.given.notes == ["late won, but the time was up"]
    with pytest.raises(TimeoutError):
        round_of(late).propose()


def test_what_needs_no_label_is_a_yardstick_with_labels_and_the_answer_without(round_of: Any) -> None:
    told = stand("told", learns=False)
    selection = round_of(stand("learnt", wrong=20), told)
    assert selection.propose().strategy.name == "learnt", "also where the yardstick is better"
    assert names(selection) == ["learnt", "told"]
    found = round_of(stand("learnt"), told).before_labels()
    assert (found.strategy.name, found.settings, found.trials) == ("told", {"by": "told"}, ())


def test_a_round_without_any_strategy_left_says_why(round_of: Any) -> None:
    with pytest.raises(InvalidJob, match="slow was given up: too late"):
        round_of(stand("slow", measuring=TimeoutError("too late"))).propose()
    with pytest.raises(TooFewLabels, match="label some examples"):
        round_of(stand("learnt"), stand("unfit", learns=False, fit=False)).before_labels()


def test_what_goes_on_from_the_champion_is_measured_on_newer_labels(round_of: Any) -> None:
    """It knows the first half by heart, which says nothing."""

    def measure(self: Stand) -> Outcome:
        return outcome(self.name, self.given.problem, range(40, 44))

    knowing = {"measure": measure, "cost": Cost.MINUTES}
    for continues, best in ((False, "knowing"), (True, "cheap")):
        selection = round_of(stand("cheap", wrong=16), stand("knowing", continues=continues, **knowing))
        rows = selection.given.problem.rows
        for number, row in enumerate(rows):
            rows[number] = row.model_copy(update={"fresh": number >= 24})
        assert selection.propose().strategy.name == best
