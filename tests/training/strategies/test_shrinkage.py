"""Few labels: a fixed rule in place of a search, and names that mislead are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.strategies import shrinkage
from labelwheel.training.strategies.folds import folds
from labelwheel.training.strategies.frozen_head import PENALTIES, SHARES, Frozen
from labelwheel.training.strategies.problem import Problem
from tests.training.models import choice, example

CLASSES = ("weather", "music", "food")


def frozen(counts: Sequence[int], *, turned: int = 0, noise: float = 0.5, seed: int = 0) -> Frozen:
    """So many labels of each class around its direction; names point at the class, or `turned` at another one."""
    chance = np.random.default_rng(seed)
    directions = np.linalg.qr(chance.normal(size=(24, 3)))[0].T
    answers = [number for number, count in enumerate(counts) for _ in range(count)]
    features = [directions[number] + noise * chance.normal(size=24) / np.sqrt(24) for number in answers]
    asked = choice(*CLASSES)
    kind = kind_of(asked)
    rows = [
        LabelledExample(example=example("x", str(place)), answer=CLASSES[number], part=Part.TRAIN, group=str(place))
        for place, number in enumerate(answers)
    ]
    problem = Problem(
        asked, kind, rows, [Encoding(example=place, input_ids=[101]) for place in range(len(rows))],
        [np.asarray(number) for number in answers], kind.config(asked)["id2label"],
    )  # fmt: skip
    return Frozen(problem, [row.astype(np.float32) for row in features], np.roll(directions, turned, axis=0))


def parts(there: Frozen) -> tuple[list[int], list[tuple[list[int], list[int]]]]:
    indices = list(range(len(there.problem)))
    return indices, folds(there.problem.strata, [row.group for row in there.problem.rows], 5, seed=1)


def test_few_labels_are_not_searched_over(monkeypatch: pytest.MonkeyPatch) -> None:
    there = frozen((6, 5, 5))
    monkeypatch.setattr(Frozen, "strengths", lambda *_: pytest.fail("it searched"))
    indices, found = parts(there)
    setting = there.search(indices, found, 60)
    assert setting.share == pytest.approx(16 / 32)
    assert (setting.penalty, setting.balance, setting.named) == (0.5 / 16, 1.0, True)


def test_the_names_keep_their_whole_say_until_each_class_has_a_label() -> None:
    assert shrinkage.held(frozen((9, 5, 0)).problem, range(14)).share == 1.0
    assert shrinkage.held(frozen((60, 30, 1)).problem, range(91)).share == pytest.approx(2 / 3)


def test_many_labels_are_searched_over_and_the_fixed_rule_stays_unless_it_is_beaten() -> None:
    there = frozen((20, 20, 20))
    indices, found = parts(there)
    assert not shrinkage.is_few(there.problem, indices)
    assert there.search(indices, found, 60) == shrinkage.held(there.problem, indices)
    crooked = frozen((30, 30, 30), turned=1, noise=1.5)
    assert crooked.search(*parts(crooked), 60).share == 0.0


def test_each_strength_is_tried_once_and_the_best_with_less_of_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    there, tried, losses = frozen((30, 30, 30), noise=1.5), [], []
    real_fit, real_losses = Frozen.fit, Frozen._losses

    def fit(self: Frozen, learn: list[int], setting: shrinkage.Setting, **more: Any) -> Any:
        if setting.balance != 1.0 and setting not in tried:  # that of the fixed rule
            tried.append(setting)
        return real_fit(self, learn, setting, **more)

    def measured(self: Frozen, *arguments: Any) -> Any:
        losses.append(real_losses(self, *arguments))
        return losses[-1]

    monkeypatch.setattr(Frozen, "fit", fit)
    monkeypatch.setattr(Frozen, "_losses", measured)
    there.search(*parts(there), 60)
    whole, less = tried[: len(PENALTIES)], tried[len(PENALTIES) :]
    assert [(each.share, each.penalty) for each in whole] == [(1.0, penalty) for penalty in PENALTIES]
    least = min(range(len(whole)), key=lambda place: losses[1 + place].mean())
    assert [(each.share, each.penalty) for each in less] == [(share, PENALTIES[least]) for share in SHARES]


@pytest.mark.parametrize("seed", range(5))
def test_names_that_answer_worse_than_the_commonest_label_are_dropped(seed: int) -> None:
    there = frozen((8, 4, 4), turned=1, noise=2.0, seed=seed)
    indices, found = parts(there)
    setting = there.search(indices, found, 60)
    assert not setting.named
    head = there.fit(indices, setting)
    right = [head(there.features[place]).argmax() == there.problem.targets[place] for place in indices]
    assert np.mean(right) > 0.9


@pytest.mark.parametrize("seed", range(5))
def test_good_names_stay_also_where_nearly_all_labels_are_of_one_class(seed: int) -> None:
    there = frozen((14, 1, 1), noise=2.5, seed=seed)
    assert there.search(*parts(there), 60).named


def test_three_labels_speak_against_no_names() -> None:
    there = frozen((3, 0, 0), turned=1)
    assert there.search(*parts(there), 60).named
