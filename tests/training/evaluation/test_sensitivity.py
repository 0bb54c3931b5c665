"""What the score hangs on, where that is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from labelwheel.training.base_model import Base
from labelwheel.training.evaluation.report import plain
from labelwheel.training.evaluation.sensitivity import REFITS, SENSITIVITY
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.spec import LabelledExample, Part
from tests.training.inspection import subjects
from tests.training.models import tiny_bert

QUESTION = subjects.choice("even", "odd")
FILL = ("shop", "grocer", "baker", "station", "harbour", "market", "library", "museum", "garage", "hotel")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_bert(tmp_path_factory.mktemp("base")))


def rows(train: int = 60, held_out: int = 60) -> list[LabelledExample]:
    draw, found = Random(2), []
    for number in range(train + held_out):
        label = draw.choice(["even", "odd"])
        sign = {"even": "two", "odd": "three"}[label]
        text = f"{sign} {' '.join(draw.choices(FILL, k=18))} {sign}"
        found.append(subjects.row(number, text, label, Part.TRAIN if number < train else Part.HELD_OUT))
    return found


def about(say: Any, base: str, noise: float = 0.0) -> Subject:
    """Features that tell both classes apart, as far as the noise lets them."""
    draw = np.random.default_rng(4)

    def embed(module: Any, encodings: Sequence[Encoding], pad: int) -> list[np.ndarray]:
        tokens = [set(one.input_ids) for one in encodings]
        known = [np.array([2048 in each, 2093 in each] + [0] * 30, dtype=np.float32) for each in tokens]  # two, three
        return [each + noise * draw.normal(size=32).astype(np.float32) for each in known]

    def load() -> Base:
        return Base.load(base, QUESTION, 64, "cpu")

    return subjects.subject(QUESTION, rows(), say, load, embed=embed)


def by_last(text: str) -> tuple[str, float]:
    last = text.split()[-1]
    return {"two": ("even", 0.9), "three": ("odd", 0.9)}.get(last, ("even", 0.4))


def by_first(text: str) -> tuple[str, float]:
    return ("even" if text.startswith("two") else "odd"), 0.9


def found_by(subject: Subject) -> dict[str, Any]:
    found = SENSITIVITY.look(subject)
    assert json.loads(json.dumps(plain(found))) == plain(found)
    return found


def test_a_model_that_needs_the_end_of_texts_loses_by_a_cut_and_one_that_does_not_does_not(base: str) -> None:
    found = found_by(about(by_last, base))
    assert found["cut"] == [4, 8, 16]
    assert all(row["high"] < 0 for row in found["lengths"])
    assert "beyond chance" in SENSITIVITY.render(found)
    found = found_by(about(by_first, base))
    assert found["cut"] == []
    assert {row["difference"] for row in found["lengths"]} == {0.0}
    assert "beyond chance" not in SENSITIVITY.render(found)


def test_the_fewer_labels_and_the_more_noise_the_more_depends_on_which_they_are(base: str) -> None:
    steady, noisy = (found_by(about(by_first, base, noise))["labels"] for noise in (0.0, 3.0))
    assert [(row["share"], row["labels"], row["refits"]) for row in steady] == [(0.8, 48, REFITS), (0.5, 30, REFITS)]
    assert [(row["mean"], row["other_answers"]) for row in steady] == [(1.0, 0.0)] * 2
    assert noisy[0]["other_answers"] < noisy[1]["other_answers"]
    assert noisy[1]["low"] < noisy[1]["mean"] < noisy[1]["high"]


def test_what_is_hidden_below_a_score_is_not_counted_among_what_is_shown(base: str) -> None:
    def say(text: str) -> tuple[str, float]:
        return by_first(text)[0] if "shop" in text else "even", 0.85 if "shop" in text else 0.45

    subject = about(say, base)
    table = {row["threshold"]: row for row in found_by(subject)["thresholds"]}
    shops = sum("shop" in row.example.fields["text"] for row in subject.measured) / len(subject.measured)
    assert table[0.0]["shown"] == 1.0
    assert table[0.0]["score"] < table[0.5]["score"] == 1.0
    assert table[0.5]["shown"] == table[0.8]["shown"] == pytest.approx(shops)
    assert (table[0.9]["shown"], table[0.9]["score"]) == (0.0, None)


def test_nothing_held_out_is_nothing_to_say() -> None:
    assert SENSITIVITY.look(subjects.subject(QUESTION, [], by_first)) == {}


def test_of_a_few_texts_nothing_is_said(base: str) -> None:
    def load() -> Base:
        return Base.load(base, QUESTION, 64, "cpu")

    few = subjects.subject(QUESTION, rows(held_out=19), by_last, load)
    assert SENSITIVITY.look(few) == {}
