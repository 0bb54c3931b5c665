"""Tuning by contrast: texts of a class come together, a round measures it unseen, and its checkpoint is a plain one."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from labelwheel.training import batches, encoders
from labelwheel.training.errors import OutOfMemory
from labelwheel.training.kinds import kind_of
from labelwheel.training.progress import Listener, Progress
from labelwheel.training.questions import Kind, Option, Question
from labelwheel.training.spec import LabelledExample
from labelwheel.training.strategies import contrastive, contrastive_loop, shrinkage
from labelwheel.training.strategies.class_batches import Classes
from labelwheel.training.strategies.contrastive import Contrastive
from labelwheel.training.strategies.contrastive_loop import Settings
from labelwheel.training.strategies.from_base import FromBase
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.materials import Budget, Materials
from labelwheel.training.strategies.problem import Problem
from tests.training.models import choice, rows, tiny_bert
from tests.training.strategies.contrast_record import recorded


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"))


def given(
    folder: Path, labelled: list[LabelledExample], asked: Question | None = None, seconds: float = 300.0
) -> Materials:
    asked = asked or choice()
    kind = kind_of(asked)
    base, tokenizer = encoders.load(str(folder), kind.config(asked))
    problem = Problem.build(asked, kind, labelled, tokenizer, 32)
    frozen = Frozen.build(problem, base, tokenizer, 32, encoders.features)
    budget = Budget(time.monotonic() + seconds)
    return Materials(problem, base, tokenizer, frozen, None, 32, 1, budget, Progress(Listener()), str(folder))


def test_the_loss_is_that_of_the_paper() -> None:
    features, numbers = np.random.default_rng(1).normal(size=(5, 3)), [0, 1, 0, 1, 2]
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    losses = []
    for one in range(4):  # the fifth is alone of its class
        others = [other for other in range(5) if other != one]
        whole = sum(np.exp(unit[one] @ unit[other] / 0.2) for other in others)
        alike = [other for other in others if numbers[other] == numbers[one]]
        losses.append(-np.mean([np.log(np.exp(unit[one] @ unit[other] / 0.2) / whole) for other in alike]))
    found = contrastive_loop.loss(torch.as_tensor(features), torch.as_tensor(numbers), 0.2)
    assert float(found) == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize(("count", "size"), [(3, 9), (40, 2)])
def test_a_batch_has_several_texts_of_each_of_its_classes_and_what_they_are_called(count: int, size: int) -> None:
    texts = {number: [[number, place] for place in range(size)] for number in range(count)}
    classes = Classes(texts, {number: [number, -1] for number in range(count)})
    seen: set[int] = set()
    for rows_, numbers in itertools.islice(classes.batches(32, 2), 60):
        assert len(rows_) == len(numbers) <= 48
        assert all(row[0] == number for row, number in zip(rows_, numbers, strict=True))
        assert len({tuple(row) for row in rows_}) == len(rows_), "no text is beside itself"
        of_each = [numbers.count(number) for number in set(numbers)]
        assert min(of_each) >= 2
        assert {row[0] for row in rows_ if row[1] == -1} == set(numbers)
        seen |= set(numbers)
    assert seen == set(range(count))


def test_names_that_mislead_are_in_no_batch() -> None:
    texts = {number: [[number, place] for place in range(4)] for number in range(3)}
    rows_, _ = next(Classes(texts, {}).batches(32, 13))
    assert sorted(rows_) == sorted(text for of_one in texts.values() for text in of_one)


def test_texts_of_a_class_come_together_and_the_head_stays(folder: Path) -> None:
    there = given(folder, rows(2))
    before = [each.detach().clone() for each in encoders.head(there.base).parameters()]
    vars(there)["setting"] = shrinkage.Setting(1.0, 0.1)
    strategy = Contrastive(there)
    classes = strategy._classes(range(len(there.problem)))
    assert set(classes.names) == {0, 1, 2}
    told: list[float] = []
    pad = there.tokenizer.pad_token_id
    module = contrastive_loop.train(strategy._copy(), classes, pad, Settings(40, rate=1e-3), progress=told.append)

    def together(model: Any) -> float:
        found = np.stack(encoders.features(model, there.problem.encodings, pad))
        unit = (found - found.mean(axis=0)) / np.linalg.norm(found - found.mean(axis=0), axis=1, keepdims=True)
        targets = np.array([int(each) for each in there.problem.targets])
        alike = targets[:, None] == targets[None]
        return float((unit @ unit.T)[alike].mean() - (unit @ unit.T)[~alike].mean())

    assert together(module) > together(there.base) + 0.5
    assert all(torch.equal(a, b) for a, b in zip(before, encoders.head(module).parameters(), strict=True))
    assert not module.training
    assert (len(told), told[-1]) == (40, 1.0)


def test_a_round_measures_it_unseen_and_ends_with_a_plain_model(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = given(folder, rows(3))
    tuned = recorded(monkeypatch)
    monkeypatch.setattr(contrastive, "STEPS", 12)
    strategy = Contrastive(there)
    assert strategy.applies()
    outcome = strategy.measure()
    assert list(outcome.indices) == list(range(36))
    sizes = [sum(map(len, each.texts.values())) for each in tuned]
    assert sizes[-3:] == [24, 24, 24], "each part without what is measured there"
    finished = strategy.finish()
    assert sum(map(len, tuned[-1].texts.values())) == 36
    assert finished.settings["steps"] == 12 + 36 // contrastive.A_STEP
    finished.module.save_pretrained(tmp_path)
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    for one in (finished.module, plain):
        logits = np.stack(batches.forward(one, there.problem.encodings, there.tokenizer.pad_token_id))
        right = logits.argmax(axis=1) == np.array([int(each) for each in there.problem.targets])
        assert right.mean() > 0.9


def test_equal_seeds_tune_alike(folder: Path) -> None:
    there = given(folder, rows(2))
    found = []
    for seed in (1, 1, 2):
        strategy = Contrastive(there)
        classes = strategy._classes(range(24))
        pad = there.tokenizer.pad_token_id
        module = contrastive_loop.train(strategy._copy(), classes, pad, Settings(3, seed=seed))
        found.append(encoders.digest(module))
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("labelled", [rows(1), [row for row in rows(8) if row.answer == "food"]])
def test_too_few_labels_or_classes_are_not_tried(folder: Path, labelled: list[LabelledExample]) -> None:
    assert not Contrastive(given(folder, labelled)).applies()


def test_values_that_have_an_order_are_not_torn_apart(folder: Path) -> None:
    asked = Question(name="stars", kind=Kind.RATING, inputs=("text",), minimum=1, maximum=3)
    stars = {"food": 1, "music": 2, "weather": 3}
    rated = [row.model_copy(update={"answer": stars[str(row.answer)]}) for row in rows(3)]
    assert not Contrastive(given(folder, rated, asked)).applies()


def test_only_where_one_option_is_right(folder: Path) -> None:
    options = tuple(Option(value=value) for value in ("food", "music", "weather"))
    asked = Question(name="intent", kind=Kind.CHOICES, inputs=("text",), options=options)
    several = [row.model_copy(update={"answer": [row.answer]}) for row in rows(3)]
    assert not Contrastive(given(folder, several, asked)).applies()


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_without_time_it_is_given_up(folder: Path, seconds: float) -> None:
    strategy = Contrastive(given(folder, rows(3), seconds=seconds))
    with pytest.raises(TimeoutError, match="steps take about"):
        strategy.measure()


def test_a_deadline_amid_the_steps_is_kept(folder: Path) -> None:
    there = given(folder, rows(2))
    strategy = Contrastive(there)
    with pytest.raises(TimeoutError):
        contrastive_loop.train(
            strategy._copy(), strategy._classes(range(24)), there.tokenizer.pad_token_id, Settings(500),
            deadline=time.monotonic(),
        )  # fmt: skip


def test_where_time_is_short_a_fifth_is_measured(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strategy = Contrastive(given(folder, rows(5), seconds=100.0))
    monkeypatch.setattr(contrastive, "STEPS", 2)
    monkeypatch.setattr(strategy, "time_steps", lambda: 4.0)
    strategy._settings = Settings(6)
    assert len(strategy.measure().indices) == 12


def test_memory_that_runs_out_is_called_that(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any, **more: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(contrastive_loop, "train", full)
    with pytest.raises(OutOfMemory, match="tuned by contrast"):
        Contrastive(given(folder, rows(3))).measure()


def test_a_text_of_nobody_else_is_no_pair(folder: Path) -> None:
    """A class with a single label has its name beside it; without names it is beside nothing, which is no error."""
    alone = rows(3)[4:5]
    there = given(folder, [*alone, *(row for row in rows(3) if row.answer != alone[0].answer)])
    strategy = Contrastive(there)
    assert strategy.applies()
    classes = Classes(strategy._classes(range(len(there.problem))).texts, {})
    assert sorted(map(len, classes.texts.values())) == [1, 12, 12]
    module = contrastive_loop.train(strategy._copy(), classes, there.tokenizer.pad_token_id, Settings(3))
    assert all(torch.isfinite(each).all() for each in module.parameters())


def test_with_few_labels_the_base_model_is_not_fine_tuned_besides(folder: Path) -> None:
    assert [Contrastive(given(folder, rows(copies))).replaces() for copies in (3, 9)] == [(FromBase,), ()]


@pytest.mark.parametrize(("length", "size"), [(10, 32), (256, 16), (4000, 8)])
def test_batches_of_long_texts_are_small(folder: Path, monkeypatch: pytest.MonkeyPatch, length: int, size: int) -> None:
    there = given(folder, rows(3))
    longer = [replace(encoding, input_ids=[1] * length) for encoding in there.problem.encodings]
    strategy = Contrastive(replace(there, problem=replace(there.problem, encodings=longer)))
    monkeypatch.setattr(contrastive_loop, "train", lambda module, *others, **more: module)
    strategy.time_steps()
    assert strategy._settings.batch_size == size
