"""What labels add to an answer sums up to it, and without those that moved it most it is another one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from labelwheel.training.evaluation import representers
from labelwheel.training.evaluation.representers import AGAINST, FOR, STRENGTH, Representers


def drawn(count: int, seed: int, classes: int = 3, width: int = 8) -> tuple[np.ndarray, list[str]]:
    """Overlapping clouds."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(classes, width))
    own = chance.integers(classes, size=count)
    return centres[own] + 1.2 * chance.normal(size=(count, width)), [f"class {one}" for one in own]


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_sum_over_the_labels_is_the_logit_of_the_regression(classes: int) -> None:
    features, answers = drawn(200, 1, classes)
    [text], _ = drawn(1, 2, classes)
    found = Representers(features, answers)
    head = LogisticRegression(C=STRENGTH, fit_intercept=False, tol=1e-8, max_iter=5000)
    head.fit(representers._unit(features), answers)
    said = head.decision_function(representers._unit(text[None]))[0]
    logits = [-said, said] if classes == 2 else said
    sums = [found.values(name, text).sum() for name in head.classes_]  # type: ignore[union-attr]
    assert sums == pytest.approx(logits, rel=1e-2, abs=1e-2)
    assert found.says(str(head.predict(representers._unit(text[None]))[0]), text)


def test_of_several_labels_each_has_a_sum_of_its_own() -> None:
    features, answers = drawn(150, 1)
    several = [[one, "all"] + (["odd"] if place % 2 else []) for place, one in enumerate(answers)]
    [text], _ = drawn(1, 2)
    found = Representers(features, several)
    there = ["class 1" in one for one in several]
    head = LogisticRegression(C=STRENGTH, fit_intercept=False, tol=1e-8, max_iter=5000)
    said = head.fit(representers._unit(features), there).decision_function(representers._unit(text[None]))
    values = found.values("class 1", text)
    assert values is not None
    assert values.sum() == pytest.approx(said[0], rel=1e-2, abs=1e-2)
    assert found.values("all", text) is None, "a label that all have tells nothing"
    assert found.says("class 1", text) == (said[0] > 0)


def test_without_the_labels_that_moved_it_most_an_answer_changes_more_often_than_without_others() -> None:
    features, answers = drawn(60, 3)
    texts, _ = drawn(60, 4)
    chance, top, others = np.random.default_rng(5), 0, 0
    whole = Representers(features, answers)
    for text in texts:
        said = next(name for name in sorted(set(answers)) if whole.says(name, text))
        values = whole.values(said, text)
        assert values is not None
        for worst, places in ((True, np.argsort(-values)[:6]), (False, chance.choice(len(answers), 6, replace=False))):
            kept = np.setdiff1d(np.arange(len(answers)), places)
            changed = not Representers(features[kept], [answers[place] for place in kept]).says(said, text)
            top, others = top + (worst and changed), others + (not worst and changed)
    assert top >= 3 * max(others, 1), (top, others)


def test_a_few_are_told_of_those_for_it_first_and_none_where_the_regression_says_something_else() -> None:
    features, answers = drawn(80, 3)
    [text], _ = drawn(1, 4)
    found = Representers(features, answers)
    names = sorted(set(answers))
    [said] = [name for name in names if found.says(name, text)]
    moved = found.moved(said, text)
    shares = [one.share for one in moved]
    assert [share > 0 for share in shares] == [True] * FOR + [False] * AGAINST
    assert shares[:FOR] == sorted(shares[:FOR], reverse=True)
    assert shares[FOR:] == sorted(shares[FOR:])
    assert sum(map(abs, shares)) <= 1
    assert all(answers[one.place] == said for one in moved[:FOR])
    assert all(found.moved(name, text) == [] for name in names if name != said)
    assert found.moved("a class without labels", text) == []
    assert Representers(features, ["one"] * 80).moved("one", text) == [], "one answer is learnt from nothing"
