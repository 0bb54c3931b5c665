"""Agreement beyond chance: the published values, the library's, and what can be counted by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pytest
from nltk.metrics.agreement import AnnotationTask
from nltk.metrics.distance import interval_distance, masi_distance
from sklearn.metrics import cohen_kappa_score

from labelwheel.training.evaluation import reliability
from labelwheel.training.evaluation.reliability import alpha, kappa
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.coding import Distance, Unit
from labelwheel.training.questions import Example, Option, Question

# "Computing Krippendorff's Alpha-Reliability" (2011), section C: four observers, twelve units, 0 is missing
PUBLISHED = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3),
    (0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0),
)
UNITS = [[Unit([float(value) for value in column if value])] for column in zip(*PUBLISHED, strict=True)]


def names(count: int) -> list[str]:
    return [f"g{number:04}" for number in range(count)]


def library(units: list[list[Unit]], distance: Callable[[Any, Any], float] | None = None) -> float:
    data = [
        (f"person {place}", str(number), value)
        for number, (unit,) in enumerate(units)
        for place, value in enumerate(unit.values)
    ]
    given: dict[str, Any] = {} if distance is None else {"distance": distance}
    return float(AnnotationTask(data, **given).alpha())


@pytest.mark.parametrize(
    ("distance", "published"), [(Distance.NOMINAL, 0.743), (Distance.ORDINAL, 0.815), (Distance.INTERVAL, 0.849)]
)
def test_alpha_is_what_krippendorff_published(distance: Distance, published: float) -> None:
    found = alpha(UNITS, distance, names(len(UNITS)))
    assert found is not None
    assert round(found.value, 3) == published
    assert found.low < found.value < found.high


def test_alpha_is_the_librarys() -> None:
    chance = np.random.default_rng(3)
    plain: list[list[Unit]] = [
        [Unit(list(map(str, chance.integers(4, size=chance.integers(1, 5)))))] for _ in range(60)
    ]
    numbers = [[Unit(list(map(float, chance.normal(size=3) + chance.normal())))] for _ in range(40)]
    sets: list[list[Unit]] = [
        [Unit([frozenset(np.array(list("abcd"))[chance.random(4) < 0.4].tolist()) or frozenset("a") for _ in range(3)])]
        for _ in range(50)
    ]
    for units, distance, of_library in (
        (plain, Distance.NOMINAL, None),
        (numbers, Distance.INTERVAL, interval_distance),
        (sets, Distance.SETS, masi_distance),
    ):
        found = alpha(units, distance, names(len(units)))
        assert found is not None
        assert found.value == pytest.approx(library(units, of_library), abs=1e-12)


def test_alpha_by_hand() -> None:
    """Three texts of two people: aa, ab, bb.

    Observed: one of three pairs differs, 1/3. Expected: three a and three b, of 6 x 5 ordered pairs 18 differ, .6.
    """
    found = alpha([[Unit("aa")], [Unit("ab")], [Unit("bb")]], Distance.NOMINAL, names(3))
    assert found is not None
    assert found.value == pytest.approx(1 - (1 / 3) / 0.6)


def test_nothing_can_be_said_of_one_answer_each_or_where_all_say_one_thing() -> None:
    assert alpha([], Distance.NOMINAL, []) is None
    assert alpha([[Unit("a")], [Unit("b")]], Distance.NOMINAL, names(2)) is None
    assert alpha([[Unit("aa")]] * 30, Distance.NOMINAL, names(30)) is None
    assert kappa([], Distance.NOMINAL) is None
    assert kappa([Unit("aa")] * 30, Distance.NOMINAL) is None


def test_where_nobody_disagrees_the_interval_is_still_one() -> None:
    found = alpha([[Unit("aa")], [Unit("bb")]] * 15, Distance.NOMINAL, names(30))
    assert found == (1.0, 0.9, 1.0)


def test_ten_copies_of_a_text_are_one_observation() -> None:
    units = [[Unit("aa")], [Unit("ab")], [Unit("bb")], [Unit("bb")], [Unit("ba")], [Unit("aa")]] * 10
    apart, copies = alpha(units, Distance.NOMINAL, names(60)), alpha(units, Distance.NOMINAL, [*"abcdef"] * 10)
    assert apart is not None
    assert copies is not None
    assert copies.value == apart.value
    assert copies.high - copies.low > 2 * (apart.high - apart.low)


def test_the_interval_has_the_truth_in_it() -> None:
    """Two people who guess one of two labels for every fifth text: alpha is 1 - .36 / 2 / .5 = .64 in the long run."""
    chance, hits, rounds = np.random.default_rng(5), 0, 200
    for _ in range(rounds):
        truth = chance.integers(2, size=100)
        said = [np.where(chance.random(100) < 0.2, chance.integers(2, size=100), truth) for _ in range(2)]
        units = [[Unit([str(one), str(other)])] for one, other in zip(*said, strict=True)]
        found = alpha(units, Distance.NOMINAL, names(100))
        assert found is not None
        hits += found.low <= 0.64 <= found.high
    assert hits >= 0.92 * rounds


def test_kappa_is_the_librarys_weighted_or_not() -> None:
    chance = np.random.default_rng(7)
    one = chance.integers(1, 6, size=80)
    other = np.clip(one + chance.integers(-1, 2, size=80), 1, 5)
    units = [Unit([float(a), float(b)]) for a, b in zip(one, other, strict=True)]
    assert kappa(units, Distance.NOMINAL) == pytest.approx(cohen_kappa_score(one, other))
    assert kappa(units, Distance.ORDINAL) == pytest.approx(cohen_kappa_score(one, other, weights="quadratic"))


def test_kappa_by_hand() -> None:
    """Of 20 texts both say a for 10 and b for 5; five are b for the one alone, who says a for half of all.

    Same .75; by chance .5 x .75 + .5 x .25 = .5; kappa (.75 - .5) / (1 - .5).
    """
    units: list[Unit] = [Unit("aa")] * 10 + [Unit("bb")] * 5 + [Unit("ba")] * 5
    assert kappa(units, Distance.NOMINAL) == pytest.approx(0.5)


def asked(kind: str, **more: Any) -> Question:
    return Question(name="q", kind=kind, inputs=("text",), **more)


TEXT = Example(key="1", fields={"text": "Ada met Bob in Rome"})
LABELS = {"options": (Option(value="person"), Option(value="city"))}


def span(start: int, end: int, label: str = "person") -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


@pytest.mark.parametrize(
    ("question", "answers", "values"),
    [
        (asked("choice", **LABELS), ["city", "person"], ["city", "person"]),
        (asked("choices", **LABELS), [[], ["city", "person"]], [frozenset(), frozenset({"person", "city"})]),
        (asked("rating", minimum=1, maximum=5), [3, 4], [3.0, 4.0]),
        (asked("number"), [2.5, 4], [2.5, 4.0]),
    ],
)
def test_each_kind_says_what_is_compared(question: Question, answers: list[Any], values: list[Hashable]) -> None:
    assert kind_of(question).coded(question, TEXT, answers) == [Unit(values)]


def test_spans_are_compared_character_by_character() -> None:
    """Of 19 characters: both mark 0-3; only the first 8-11; the second one more at the end of Rome.

    As a unit for each character, by the library: the same alpha as of the pieces between edges.
    """
    question = asked("spans", **LABELS)
    answers = [
        [span(0, 3), span(8, 11), span(15, 18, "city")],
        [span(0, 3), span(15, 19, "city")],
    ]
    units = kind_of(question).coded(question, TEXT, answers)
    assert sum(unit.size for unit in units) == 19

    def said(spans: list[dict[str, Any]], at: int) -> str:
        return next((each["label"] for each in spans if each["start"] <= at < each["end"]), "")

    characters = [[Unit([said(spans, at) for spans in answers])] for at in range(19)]
    found = alpha([units], kind_of(question).distance, ["g"])
    assert found is not None
    assert found.value == pytest.approx(library(characters))


def test_no_interval_is_made_up_for_a_single_group() -> None:
    found = alpha([[Unit("aab")], [Unit("bbb")]], Distance.NOMINAL, ["g", "g"])
    assert found is not None
    assert math.isfinite(found.low)
    assert reliability.RESAMPLES == 1000
