"""What the measured scores rest on: an error that knows its own bias, items told from whole answers, what covers."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.honest.calibration_error import error
from benchmarks.honest.score_runs import Errors, Run, errors
from benchmarks.honest.scores import summaries
from labelwheel.training.questions import Example, Option, Prediction, Question

OPTIONS = (Option(value="a"), Option(value="b"))


def test_the_error_of_perfect_scores_is_mostly_taken_for_chance() -> None:
    generator = np.random.default_rng(1)
    sure = generator.uniform(0.3, 1.0, 600)
    found = error(sure.tolist(), (generator.random(600) < sure).tolist())
    assert found.plain > 0.03
    assert found.debiased < 0.7 * found.plain
    assert found.perfect == pytest.approx(found.debiased, abs=0.015)
    assert abs(found.surplus) < 0.04


def test_the_error_of_scores_that_boast_stays() -> None:
    generator = np.random.default_rng(2)
    sure = generator.uniform(0.5, 1.0, 4000)
    found = error(sure.tolist(), (generator.random(4000) < sure - 0.15).tolist())
    assert found.plain == pytest.approx(0.15, abs=0.02)
    assert found.debiased == pytest.approx(0.15, abs=0.02)
    assert found.surplus == pytest.approx(0.15, abs=0.02)
    assert found.perfect < 0.02
    assert error([], []).scores == 0


def test_a_choice_is_one_item_and_a_list_has_several() -> None:
    examples = [Example(key=str(number), fields={"text": "x"}) for number in range(2)]
    choice = Question(name="q", kind="choice", inputs=("text",), options=OPTIONS)
    said = [Prediction(answer="a", score=0.75), Prediction(answer="b", score=0.75)]
    shown, items, whole = errors(choice, examples, ["a", "a"], said)
    assert shown == items == whole
    assert (items.scores, items.surplus) == (2, 0.25)
    several = Question(name="q", kind="choices", inputs=("text",), options=OPTIONS)
    both = Prediction(answer=["a", "b"], score=0.5, item_scores=(0.5, 0.5))
    shown, items, whole = errors(several, examples, [["a"], ["a"]], [both, Prediction()])
    assert shown == items
    assert (items.scores, items.surplus) == (2, 0.0)
    assert (whole.scores, whole.surplus) == (1, 0.5)


def test_spans_that_people_are_not_shown_are_judged_beside() -> None:
    question = Question(name="q", kind="spans", inputs=("text",), options=OPTIONS)
    example = Example(key="1", fields={"text": "Ann met Bob"})
    here, there = ({"start": start, "end": end, "label": "a"} for start, end in ((0, 3), (8, 11)))
    said = Prediction(answer=[here, there], score=0.25, item_scores=(0.75, 0.25))
    shown, items, whole = errors(question, [example], [[here]], [said])
    assert (shown.scores, shown.surplus) == (1, -0.25)
    assert (items.scores, items.surplus) == (2, 0.0)
    assert (whole.scores, whole.surplus) == (1, 0.25)


def test_runs_that_show_nothing_are_no_good_ones() -> None:
    nothing, bad = error([], []), error([0.9] * 50, [False] * 50)
    runs = [Run("s", 100, 0, "round", "chain", 0.0, Errors(nothing, bad, bad))]
    runs.append(Run("s", 100, 1, "round", "chain", 0.0, Errors(bad, bad, bad)))
    [found] = summaries(runs)
    assert (found.runs, found.plain, found.surplus) == (2, 0.9, 0.9)


def test_an_interval_covers_what_is_within_it() -> None:
    nothing = Errors(error([], []), error([], []), error([], []))
    runs = [Run("s", 100, seed, "round", "frozen", 0.8, nothing, 0.7, low, 0.9) for seed, low in enumerate((0.7, 0.85))]
    runs.append(Run("s", 100, 0, "fast lane", "head", 0.8, nothing))
    assert [one.covers for one in runs] == [True, False, None]
    assert [(one.intervals, one.covered) for one in summaries(runs)] == [(2, 1), (0, 0)]
