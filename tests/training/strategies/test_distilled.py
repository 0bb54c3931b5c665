"""A small encoder learns from a large one: from what it says of other texts, and of nothing that is measured."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, BertTokenizerFast

from labelwheel.training import batches, encoders
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.scaling import TEMPERATURE
from labelwheel.training.progress import Listener, Progress
from labelwheel.training.questions import Example, Kind, Question
from labelwheel.training.spec import LabelledExample
from labelwheel.training.strategies import contrastive, distilled, finetuning_loop, registry, selection, teacher
from labelwheel.training.strategies.base import Strategy
from labelwheel.training.strategies.contrastive import Contrastive
from labelwheel.training.strategies.distilled import Distilled
from labelwheel.training.strategies.finetuning import FineTuned
from labelwheel.training.strategies.from_base import FromBase
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.frozen_regression import FrozenRegression
from labelwheel.training.strategies.lessons import Lesson, Taught
from labelwheel.training.strategies.materials import Budget, Materials
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.unlabelled import UnlabelledTexts
from tests.training.models import WORDS, choice, example, rows, tiny_bert
from tests.training.strategies.test_self_taught import LOOSE

PLACES = {label: place for place, label in enumerate(WORDS)}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wider and deeper, and with a tokenizer of its own."""
    folder = tiny_bert(tmp_path_factory.mktemp("large"), hidden_size=48, num_hidden_layers=4)
    texts = [one.fields["text"] for one, _ in LOOSE] + [row.example.fields["text"] for row in rows(1)]
    words = sorted({word.strip(",") for text in texts for word in text.split()})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ",", "!", *words, *(w.lower() for w in words)]
    lines = list(dict.fromkeys(vocabulary))
    (folder / "vocab.txt").write_text("\n".join(lines), "utf-8")
    BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=False).save_pretrained(folder)
    return folder


def given(
    folder: Path,
    labelled: list[LabelledExample],
    loose: Sequence[Example] = tuple(one for one, _ in LOOSE),
    asked: Question | None = None,
    seconds: float = 3000.0,
) -> Materials:
    asked = asked or choice()
    base, tokenizer = encoders.load(str(folder), kind_of(asked).config(asked))
    problem = Problem.build(asked, kind_of(asked), labelled, tokenizer, 32)
    frozen = Frozen.build(problem, base, tokenizer, 32, encoders.features)
    texts = UnlabelledTexts(asked, loose, labelled, tokenizer, 32)
    budget = Budget(time.monotonic() + seconds)
    return Materials(
        problem, base, tokenizer, frozen, None, 32, 1, budget, Progress(Listener()), str(folder), unlabelled=texts
    )


def saying(there: Materials, shift: int = 0) -> Taught:
    """A teacher that knows all texts, or takes each class for the next one."""
    said = np.stack([6.0 * np.eye(3)[(PLACES[label] + shift) % 3] for _, label in LOOSE])
    parts = [Lesson(learn, measure, said) for learn, measure in there.layout.parts()]
    return Taught("large", "some strategy", 0.9, [one for one, _ in LOOSE], said, {}, parts)


def right(module: Any, there: Materials, shift: int = 0) -> float:
    """On the texts without a label."""
    texts = there.problem.kind.encode(there.problem.question, [one for one, _ in LOOSE], there.tokenizer, 32)
    found = np.stack(batches.forward(module, texts, there.tokenizer.pad_token_id)).argmax(axis=1)
    return float(np.mean(found == [(PLACES[label] + shift) % 3 for _, label in LOOSE]))


def only(monkeypatch: pytest.MonkeyPatch, *strategies: type[Strategy]) -> None:
    monkeypatch.setattr(selection.registry, "strategies", lambda: list(strategies))


@pytest.mark.parametrize("shift", [0, 1])
def test_it_answers_as_the_larger_model_does(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: int
) -> None:
    monkeypatch.setattr(distilled, "RATE", 3e-3)
    monkeypatch.setattr(distilled, "EPOCHS", 20)
    there = given(small, rows(2))
    there = replace(there, taught=saying(there, shift))
    strategy = Distilled(there)
    assert strategy.applies()
    outcome = strategy.measure()
    assert list(outcome.indices) == list(range(24))
    assert TEMPERATURE in outcome.calibration
    finished = strategy.finish()
    assert right(finished.module, there, shift) > 0.9
    assert finished.settings["teacher"] == "large"
    assert finished.settings["teacher_score"] == 0.9
    assert finished.settings["taught_texts"] == len(LOOSE)
    finished.module.save_pretrained(tmp_path)
    assert right(AutoModelForSequenceClassification.from_pretrained(tmp_path).eval(), there, shift) > 0.9


def test_a_part_hears_nothing_of_what_is_measured_there(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distilled, "EPOCHS", 1)
    there = given(small, rows(2))
    there = replace(there, taught=replace(saying(there), labelled=dict.fromkeys(range(24), np.zeros(3))))
    courses: list[Any] = []
    real = finetuning_loop.train

    def train(model: Any, problem: Any, indices: Sequence[int], *others: Any, **more: Any) -> Any:
        courses.append(problem)
        return real(model, problem, indices, *others, **more)

    monkeypatch.setattr(finetuning_loop, "train", train)
    strategy = Distilled(there)
    assert strategy.applies()
    strategy.measure()
    loose = {one.key for one, _ in LOOSE}
    for course, (learn, measure) in zip(courses, there.layout.parts(), strict=True):
        keys = [row.example.key for row in course.rows]
        assert keys == [there.problem.rows[index].example.key for index in learn] + [one.key for one, _ in LOOSE]
        assert not {there.problem.rows[index].example.key for index in measure} & set(keys)
        heard = [target[1] for target in course.targets]
        assert heard == [0.0] * len(learn) + [1.0] * len(loose), "the larger model has seen what is measured here"
    strategy.finish()
    assert [target[1] for target in courses[-1].targets] == [1.0] * (24 + len(loose))


def test_where_nobody_has_said_anything_it_is_not_tried(small: Path) -> None:
    there = given(small, rows(2))
    assert not Distilled(there).applies()
    few = given(small, rows(1))
    assert not Distilled(replace(few, taught=saying(few))).applies()
    assert there.notes == few.notes == []


def test_texts_that_only_the_larger_one_reads_are_said_to_be_the_reason(small: Path) -> None:
    there = given(small, rows(2))
    taught = saying(there)
    there = replace(there, taught=replace(taught, texts=[*taught.texts[:-1], example(" ", "blank")]))
    assert not Distilled(there).applies()
    assert "do not read the same texts" in there.notes[0]


def test_time_is_planned_and_parts_go_before_epochs(small: Path) -> None:
    there = given(small, rows(2))
    there = replace(there, taught=saying(there))
    assert there.taught is not None
    strategy, steps = Distilled(there), -(-96 // distilled.BATCH)
    assert strategy.applies()
    left = there.budget.seconds * 0.85
    for share, wanted in ((0.9, (3, 5)), (1.5, (1, 5)), (4.0, (1, 2))):
        step = share * left / (4 * 5 * steps)
        parts, epochs = strategy._plan(step, 96, there.taught.parts)
        assert (len(parts), epochs) == wanted
    with pytest.raises(TimeoutError, match="one epoch takes about"):
        strategy._plan(left / steps, 96, there.taught.parts)


def test_where_memory_runs_out_batches_are_halved_for_good(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distilled, "EPOCHS", 1)
    there = given(small, rows(2))
    there = replace(there, taught=saying(there))
    real, asked = FineTuned._fastest, list[int]()

    def fastest(self: FineTuned) -> float:
        asked.append(self.settings.batch_size)
        if len(asked) == 1:
            raise torch.OutOfMemoryError("out of memory")
        return real(self)

    monkeypatch.setattr(FineTuned, "_fastest", fastest)
    strategy = Distilled(there)
    assert strategy.applies()
    strategy.measure()
    assert asked == [16, 8]
    assert (strategy._settings.batch_size, strategy._settings.accumulation) == (8, 2)


def test_it_stands_before_what_learns_from_labels_alone() -> None:
    order = [each for each in registry.strategies() if each in (FrozenRegression, Distilled, Contrastive, FromBase)]
    assert order == [FrozenRegression, Distilled, Contrastive, FromBase]


def test_the_best_candidate_of_the_larger_model_is_what_teaches(
    small: Path, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, FrozenRegression)
    there = given(large, rows(2))
    taught = teacher.teach(there)
    assert taught is not None
    assert (taught.base_model, taught.strategy) == (str(large), FrozenRegression.name)
    assert [one.key for one in taught.texts] == [one.key for one, _ in LOOSE]
    assert taught.said.shape == (len(LOOSE), 3)
    assert [(part.learn, part.measure) for part in taught.parts] == there.layout.parts()
    # a part's answers are those of a regression that has learnt from its labels alone, over one temperature
    frozen, asked = there.frozen, there.unlabelled
    assert asked is not None
    read = encoders.features(there.base, asked.encodings, there.tokenizer.pad_token_id)
    for part in taught.parts:
        setting = frozen.search(part.learn, there.layout.inner(part.learn), 100)
        wanted = np.stack([frozen.fit(part.learn, setting)(row / frozen.unit) for row in read])
        heat = np.median(wanted / part.said)
        assert np.allclose(wanted / heat, part.said, atol=1e-4)
    assert sorted(taught.labelled) == list(range(24))
    assert taught.trials[0].name == f"{FrozenRegression.name} ({large})"

    student = replace(given(small, rows(2)), taught=taught)
    assert Distilled(student).applies(), "another tokenizer is no matter"


@pytest.mark.parametrize("strategy", [Contrastive, FromBase])
def test_tuned_candidates_say_what_their_parts_answer(
    large: Path, monkeypatch: pytest.MonkeyPatch, strategy: type[Strategy]
) -> None:
    monkeypatch.setattr(contrastive, "STEPS", 4)
    there = given(large, rows(2))
    assert there.unlabelled is not None
    there = replace(there, asked=there.unlabelled.encodings)
    outcome = strategy(there).measure()
    assert [(list(one.learn), list(one.measure)) for one in outcome.lessons] == there.layout.parts()
    assert all(one.said.shape == (len(LOOSE), 3) for one in outcome.lessons)
    # other parts learn from other labels: their models are others
    first, second, *_ = (one.said for one in outcome.lessons)
    assert not np.allclose(first, second)
    assert strategy(replace(there, asked=())).measure().lessons == []


def test_what_cannot_be_taught_is_said(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    for there, why in (
        (given(large, rows(2), [one for one, _ in LOOSE[:40]]), "40 texts without a label"),
        (given(large, rows(1)), "12 labels are too few"),
        (given(large, rows(2)), "nothing could be learnt in the time and memory there is"),
    ):
        assert teacher.teach(there) is None
        assert there.notes[-1].startswith(f"{large} is not distilled: ")
        assert why in there.notes[-1]


def test_a_strategy_that_says_nothing_of_its_parts_cannot_teach(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(FrozenRegression):
        name = "silent"

        def measure(self) -> Any:
            return replace(super().measure(), lessons=())

    only(monkeypatch, Silent)
    there = given(large, rows(2))
    assert teacher.teach(there) is None
    assert "silent does not say" in there.notes[-1]


def test_of_several_labels_it_learns_each(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distilled, "RATE", 3e-3)
    monkeypatch.setattr(distilled, "EPOCHS", 20)
    asked = choice().model_copy(update={"kind": Kind.CHOICES})
    labelled = [row.model_copy(update={"answer": [row.answer]}) for row in rows(2)]
    there = given(small, labelled, asked=asked)
    said = np.stack([np.where(np.eye(3)[PLACES[label]] > 0, 4.0, -4.0) for _, label in LOOSE])
    parts = [Lesson(learn, measure, said) for learn, measure in there.layout.parts()]
    taught = Taught("large", "some strategy", None, [one for one, _ in LOOSE], said, {}, parts)
    strategy = Distilled(replace(there, taught=taught))
    wish = strategy._settings
    assert strategy.applies()
    monkeypatch.setattr(distilled, "EPOCHS", 1)
    assert strategy.measure().trial.score is not None
    strategy._settings = wish
    assert right(strategy.finish().module, there) > 0.9
