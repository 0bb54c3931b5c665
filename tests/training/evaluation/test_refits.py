"""What another seed changes, where that is known."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any, ClassVar

import numpy as np
import pytest

from labelwheel.training import encoders
from labelwheel.training.base_model import Base
from labelwheel.training.evaluation import refits
from labelwheel.training.evaluation.report import plain
from labelwheel.training.evaluation.sensitivity import SENSITIVITY
from labelwheel.training.inspection.subject import Learnt, Subject
from labelwheel.training.questions import Prediction
from labelwheel.training.spec import Part, Tuned
from labelwheel.training.strategies import registry
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.chain import Chain
from labelwheel.training.strategies.from_base import FromBase
from labelwheel.training.strategies.frozen_regression import FrozenRegression
from labelwheel.training.strategies.label_names import LabelNames
from labelwheel.training.strategies.outcome import Outcome
from tests.training.evaluation.test_sensitivity import FILL, QUESTION, about, base, by_first, rows
from tests.training.inspection import subjects

__all__ = ["base"]


class Lottery(Strategy):
    """Says `even` to all where the seed is even, else `odd`: what a seed does is known."""

    name = "lottery"
    recipe = "lottery"
    cost = Cost.SECONDS
    asked: ClassVar[list[tuple[int, int]]] = []
    tuned: ClassVar[list[Tuned | None]] = []

    def applies(self) -> bool:
        return True

    def measure(self) -> Outcome:
        self.asked.append((self.given.seed, len(self.given.problem)))
        self.tuned.append(self.given.tuned)
        return Outcome(self.name, self.given.problem, [], {}, settled={})

    def finish(self) -> Finished:
        module = copy.deepcopy(self.given.base)
        weight, bias = encoders.read_head(module)
        said = np.zeros(2)
        said[self.given.seed % 2] = 5.0
        encoders.write_head(module, np.zeros_like(weight), said.astype(bias.dtype))
        return Finished(module, {})


class Slow(Lottery):
    """Never ends by itself."""

    name = "slow"
    cost = Cost.MINUTES

    def measure(self) -> Outcome:
        while True:
            self.given.progress.update(0.1)


class Broken(Lottery):
    name = "broken"

    def measure(self) -> Outcome:
        raise ZeroDivisionError("a secret text")


class Choosy(Lottery):
    name = "choosy"

    def applies(self) -> bool:
        return False


class GoingOn(Lottery):
    name = "going on"
    continues = True


TOYS = (Lottery, Slow, Broken, Choosy, GoingOn)


@pytest.fixture(autouse=True)
def toys() -> Iterator[None]:
    Lottery.asked.clear()
    for each in TOYS:
        registry.register(each)
    yield
    for each in TOYS:
        registry.unregister(each)


def subject(base: str, strategy: str, seconds: float = 1.0, noise: float = 0.0, **changes: Any) -> Subject:
    learnt = Learnt(strategy, base, seconds)
    return replace(about(by_first, base, noise), **{"learnt": learnt, **changes})


def found_by(subject: Subject) -> dict[str, Any]:
    found = refits.look(subject)
    assert json.loads(json.dumps(plain(found))) == plain(found)
    return found


def test_how_scores_and_answers_vary_is_reckoned_by_hand() -> None:
    known = [subjects.row(number, "a text", "even" if number < 2 else "odd") for number in range(4)]
    said = (("even", "even", "odd", "odd"), ("even", "odd", "odd", "odd"), ("odd", "odd", "odd", "odd"))
    answers = [[Prediction(answer=one, score=0.9) for one in each] for each in said]
    there = subjects.subject(QUESTION, known, by_first)
    found = refits.spread(there, known, answers)
    scores = [there.kind.headline(there.scored(known, each)) for each in answers]
    assert scores[0] == 1.0
    assert (found["low"], found["high"]) == (scores[2], 1.0)
    assert found["mean"] == pytest.approx(sum(scores) / 3)
    assert found["deviation"] == pytest.approx((sum((one - found["mean"]) ** 2 for one in scores) / 2) ** 0.5)
    assert found["other_answers"] == pytest.approx((1 + 2 + 1) / 12), "one of four, two of four, one of four"


def test_what_was_tuned_is_fitted_again_as_it_was_tuned(base: str) -> None:
    tuned = Tuned(strategy="lottery", knobs={"steps": 2.0})
    found_by(subject(base, "lottery", tuned=tuned))
    found_by(subject(base, "lottery"))
    assert Lottery.tuned[0] == tuned
    assert Lottery.tuned[-1] is None


def test_a_strategy_that_hangs_on_the_seed_says_how_far(base: str) -> None:
    there = subject(base, "lottery")
    found = found_by(there)
    assert Lottery.asked[:5] == [(14, 60), (15, 60), (16, 60), (17, 60), (18, 60)]
    assert [seed for seed, _ in Lottery.asked[5:]] == [13] * 5, "drawn anew with the seed that is served"
    assert (found["seeds"]["refits"], found["fixed"], found["problem"]) == (5, False, "")
    assert found["seeds"]["other_answers"] == pytest.approx(6 / 10), "three even and two odd seeds: six of ten pairs"
    assert found["drawn"]["other_answers"] == 0.0
    text = refits.render(found)
    assert text.startswith("Fitted with 5 other seeds, the lottery scores 0.")
    assert "60.0% of the answers differ. With labels drawn anew (5 bootstraps) it scores" in text
    assert text.endswith("What is served has 1.000 on the same 60 examples.")


def test_of_a_regression_that_leaves_nothing_to_chance_labels_drawn_anew_say_how_firm_it_is(base: str) -> None:
    few = rows(train=15)  # so few that there is nothing to search for, and no folds to deal
    found = found_by(subject(base, FrozenRegression.name, noise=3.0, rows=few))
    assert (found["fixed"], found["problem"], found["labels"]) == (True, "", 15)
    assert found["seeds"]["deviation"] == 0.0
    assert found["drawn"]["low"] < found["drawn"]["high"]
    assert found["drawn"]["other_answers"] > 0
    text = refits.render(found)
    assert text.startswith(f"The seed changes nothing: the {FrozenRegression.name}, fitted with 5 others, answers")
    assert "With labels drawn anew (5 bootstraps)" in text


def test_a_regression_that_searches_for_its_strength_hangs_on_the_folds(base: str) -> None:
    found = found_by(subject(base, FrozenRegression.name, noise=3.0))
    assert (found["fixed"], found["seeds"]["refits"]) == (False, 5)
    assert 0 < found["seeds"]["other_answers"] < found["drawn"]["other_answers"]


def test_one_that_trains_the_encoder_is_fitted_again_too(base: str) -> None:
    found = found_by(subject(base, FromBase.name))
    assert (found["problem"], found["drawn"]) == ("", None)
    assert found["seeds"]["refits"] >= 2
    assert 0 <= found["seeds"]["low"] <= found["seeds"]["high"] <= 1


def test_a_chain_answers_by_its_own_head_and_no_seed_moves_it(base: str) -> None:
    question, draw, known = subjects.spans("city"), Random(5), []
    for number in range(60):
        text = f"{' '.join(draw.choices(FILL, k=6))} in {draw.choice(['Oslo', 'Rome', 'Lima'])} {draw.choice(FILL)}"
        start = text.index(" in ") + 4
        marked = [{"start": start, "end": start + 4, "label": "city"}]
        known.append(subjects.row(number, text, marked, Part.TRAIN if number < 40 else Part.HELD_OUT))
    found = found_by(
        subjects.subject(
            question, known, lambda text: ([], 0.9), lambda: Base.load(base, question, 64, "cpu"),
            learnt=Learnt(Chain.name, base, 1.0),
        )
    )  # fmt: skip
    assert (found["fixed"], found["problem"], found["score"]) == (True, "", 0.0)
    assert found["seeds"]["mean"] > 0.9, "what is served marks nothing"
    assert found["drawn"]["refits"] == 5


def test_what_would_take_too_long_is_not_begun_and_said(base: str) -> None:
    found = found_by(subject(base, "slow", seconds=360.0))
    assert (found["seeds"], found["minutes"]) == (None, 40)
    assert refits.render(found) == (
        "How much the seed matters was not measured for the slow: it would take about 40 minutes, more than its sixth "
        "of LABELWHEEL_INSPECT_MINUTES."
    )


def test_what_takes_longer_than_it_did_is_ended(base: str) -> None:
    found = found_by(subject(base, "slow", seconds=0.01, minutes=0.03))
    assert (found["seeds"], found["minutes"]) == (None, 1)
    assert found["problem"].startswith("it would take about 1 minute, more than its sixth of")


def test_two_refits_have_to_fit_into_a_sixth_of_the_inspection(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lottery, "cost", Cost.MINUTES)
    slow = Learnt("lottery", base, 30.0)  # 40 s with the training on all labels: two take 80 s
    assert found_by(subject(base, "lottery", learnt=slow, minutes=7.9))["seeds"] is None
    assert not Lottery.asked
    found = found_by(subject(base, "lottery", learnt=slow, minutes=8.1))
    assert (found["seeds"]["refits"], found["drawn"]) == (5, None)


@pytest.mark.parametrize(
    ("strategy", "why"),
    [
        ("gone", "it is not installed here"),
        ("going on", "it starts from the checkpoint before it"),
        ("choosy", "it would not be tried"),
        (LabelNames.name, "it learns from no label"),
    ],
)
def test_why_nothing_is_measured_is_said(base: str, strategy: str, why: str) -> None:
    found = found_by(subject(base, strategy))
    assert found["seeds"] is None
    assert why in refits.render(found)


def test_another_base_model_is_not_the_strategy_that_was_chosen(base: str) -> None:
    found = found_by(subject(base, "lottery", learnt=Learnt("lottery", "another", 1.0)))
    assert found["problem"] == "it was learnt from another base model, another"
    assert not Lottery.asked


def test_one_that_fails_costs_the_section_nothing_else(base: str) -> None:
    found = SENSITIVITY.look(subject(base, "broken"))
    assert found["seed"]["problem"] == "it failed, by a ZeroDivisionError"
    assert found["thresholds"]
    text = SENSITIVITY.render(found)
    assert "How much the seed matters was not measured for the broken: it failed, by a ZeroDivisionError." in text
    assert "secret" not in json.dumps(found)


def test_without_a_report_of_how_it_was_learnt_nothing_is_said(base: str) -> None:
    found = SENSITIVITY.look(about(by_first, base))
    assert found["seed"] == {}
    old = {name: value for name, value in found.items() if name != "seed"}
    assert SENSITIVITY.render(old) == SENSITIVITY.render(found), "as an older version left it"


def test_labels_are_drawn_by_whole_groups_as_many_as_there_are(base: str) -> None:
    draw = Random(1)
    known = [row.model_copy(update={"group": f"g{draw.randrange(20)}"}) for row in rows()]
    drawn = refits._Refits(replace(about(by_first, base), rows=known), Lottery, ())
    sizes = {name: sum(row.group == name for row in drawn.train) for name in {row.group for row in drawn.train}}
    first, second = drawn.drawn(1), drawn.drawn(2)
    assert first == drawn.drawn(1) != second
    assert all(row.part is Part.TRAIN for row in first)
    times = {name: sum(row.group == name for row in first) / size for name, size in sizes.items()}
    assert all(count == int(count) for count in times.values()), "a group is there whole, or not at all"
    assert sum(times.values()) == len(sizes)
    assert max(times.values()) > 1
    assert min(times.values()) == 0
