"""CROWDLAB's voices: the library's numbers with intervals, and the one bad annotator of five."""

from __future__ import annotations

import numpy as np
import pytest
from cleanlab.multiannotator import get_label_quality_multiannotator

from labelwheel.training.evaluation.crowd import Crowd, crowd

PEOPLE = ("ann", "bob", "cleo", "dan", "eve")
BAD = "dan"


def simulated(
    seed: int, texts: int = 200, right: float = 0.9, bad: float = 0.7
) -> tuple[list[dict[str, int]], np.ndarray]:
    """200 texts of four classes with two answers each, one in five with one.

    Four people are right for 90 %, one for 70 %, the model for 75 %.
    """
    chance = np.random.default_rng(seed)
    given, probabilities = [], np.full((200, 4), 0.1)
    for row in probabilities:
        truth = int(chance.integers(4))
        people = chance.choice(PEOPLE, 1 if chance.random() < 0.2 else 2, replace=False)
        skill = {name: 0.7 if name == BAD else 0.9 for name in people}
        given.append({
            str(name): truth if chance.random() < skill[name] else int((truth + chance.integers(1, 4)) % 4)
            for name in people
        })  # fmt: skip
        row[truth if chance.random() < 0.75 else int((truth + chance.integers(1, 4)) % 4)] = 0.7
    return given, probabilities


def found(given: list[dict[str, int]], probabilities: np.ndarray) -> Crowd:
    said = crowd(given, probabilities, probabilities[:7], [str(number) for number in range(len(given))])
    assert said is not None
    return said


def test_qualities_are_the_librarys_with_an_interval() -> None:
    given, probabilities = simulated(1)
    said = found(given, probabilities)
    table = np.array([[each.get(name, np.nan) for name in PEOPLE] for each in given])
    library = get_label_quality_multiannotator(table, probabilities, calibrate_probs=True, verbose=False)
    stats = library["annotator_stats"]["annotator_quality"]
    for place, name in enumerate(PEOPLE):
        quality = said.annotators[name]
        assert quality.value == pytest.approx(stats[place], abs=1e-9)
        assert quality.low < quality.value < quality.high
    assert (len(said.scores), len(said.unlabelled)) == (200, 7)


def test_the_bad_one_of_five_is_found_in_nine_of_ten_seeds() -> None:
    hits = 0
    for seed in range(10):
        qualities = found(*simulated(seed)).annotators
        hits += min(qualities, key=lambda name: qualities[name].value) == BAD
    assert hits >= 9


def test_another_look_is_for_what_people_and_model_do_not_agree_on() -> None:
    """Two agree and the model with them; two agree against it; two disagree."""
    given = [{"ann": 0, "bob": 0}, {"ann": 1, "bob": 1}, {"ann": 0, "bob": 1}] * 20
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.5, 0.5]] * 20)
    scores = found(given, probabilities).scores
    assert scores[2] < scores[1] < scores[0]


def test_where_nobody_shares_an_example_there_is_nothing_to_say() -> None:
    assert crowd([{"ann": 0}, {"bob": 1}], np.full((2, 2), 0.5), np.zeros((0, 2)), ["1", "2"]) is None


def test_who_worked_alone_is_judged_by_the_model_alone() -> None:
    given, probabilities = simulated(2)
    given += [{"zoe": 0}, {"zoe": 1}]
    said = found(given, np.vstack([probabilities, [[0.7, 0.1, 0.1, 0.1]] * 2]))
    assert 0 < said.annotators["zoe"].value < 1


def test_the_same_labels_give_the_same_answers() -> None:
    """Without the model two who disagree are equally right; that is not left to chance."""
    given, probabilities = (
        [{"ann": 0, "bob": 1}, {"ann": 0, "bob": 0}, {"ann": 1, "bob": 1}] * 20,
        np.full((60, 2), 0.5),
    )
    first, second = found(given, probabilities), found(given, probabilities)
    assert first.answers.tolist() == second.answers.tolist()
    assert first.annotators == second.annotators
