from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from labelwheel.training.errors import OutOfMemory
from labelwheel.training.evaluation.findings import Epoch
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Question
from labelwheel.training.strategies import finetuning, finetuning_loop, registry
from labelwheel.training.strategies.calibration import fit as calibrate
from labelwheel.training.strategies.finetuning import FineTuned
from labelwheel.training.strategies.folds import folds
from labelwheel.training.strategies.frozen_regression import FrozenRegression
from labelwheel.training.strategies.nearest_answer import NearestAnswer
from labelwheel.training.strategies.outcome import Outcome, choose
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.selection import Selection
from tests.training.models import choice, rows


def problem(copies: int = 4) -> Problem:
    """Rows of the tests' choice, without a model: one token each."""
    labelled = rows(copies)
    asked = choice()
    kind = kind_of(asked)
    id2label: dict[int, str] = kind.config(asked)["id2label"]
    place = {label: index for index, label in id2label.items()}
    encodings = [Encoding(example=index, input_ids=[101, 102]) for index in range(len(labelled))]
    return Problem(asked, kind, labelled, encodings, [np.asarray(place[row.answer]) for row in labelled], id2label)


def outcome(name: str, there: Problem, wrong: Sequence[int], sureness: float = 3.0) -> Outcome:
    """Right but for some examples, and as sure of those."""
    logits = {}
    for index, target in enumerate(there.targets):
        logits[index] = np.zeros(3)
        logits[index][(int(target) + (index in wrong)) % 3] = sureness
    return Outcome(name, there, list(range(len(there))), logits)


def test_a_dearer_candidate_has_to_be_better_by_more_than_chance() -> None:
    there = problem()
    cheap = outcome("cheap", there, range(8))
    assert choose([cheap, outcome("dear", there, range(8, 15))]).outcome.name == "cheap"
    assert choose([cheap, outcome("dear", there, range(8, 17))]).outcome.name == "cheap"
    choice_ = choose([cheap, outcome("dear", there, range(1))])
    assert choice_.outcome.name == "dear"
    assert "48 examples" in choice_.reason


def test_equal_answers_are_told_apart_by_how_sure_they_are() -> None:
    there = problem()
    honest = outcome("dear", there, range(8))
    vague = Outcome("cheap", there, honest.indices, {**honest.logits})
    for index in range(8, 48):
        vague.logits[index] = honest.logits[index] * (0.2 if index % 2 else 1.0)  # type: ignore[index]
    assert vague.scores == honest.scores
    assert choose([vague, honest]).outcome.name == "dear"


def test_what_starts_from_the_champion_is_judged_on_what_the_champion_has_not_seen() -> None:
    there = problem()
    there = replace(there, rows=[row.model_copy(update={"fresh": n >= 24}) for n, row in enumerate(there.rows)])
    cheap, knowing = outcome("cheap", there, range(16)), outcome("knowing", there, range(40, 44))
    assert choose([cheap, knowing]).outcome.name == "knowing"
    assert choose([cheap, knowing], frozenset({"knowing"})).outcome.name == "cheap"


def test_calibration_makes_scores_honest() -> None:
    there = problem()
    boastful = outcome("boastful", there, range(0, 48, 4), sureness=20.0)
    scores = [one.score for one in boastful.predictions]
    assert np.mean(scores) == pytest.approx(0.75, abs=0.02)
    assert calibrate(there, [0, 1, 2], boastful.logits) == {}  # three examples say nothing


def test_a_group_stays_in_one_fold_and_classes_are_spread() -> None:
    strata = ["a"] * 30 + ["b"] * 6
    groups = [str(index // 3) for index in range(36)]
    parts = folds(strata, groups, 3, seed=1)
    assert sorted(index for _, measure in parts for index in measure) == list(range(36))
    for learn, measure in parts:
        assert not {groups[index] for index in learn} & {groups[index] for index in measure}
        assert {strata[index] for index in learn} == {"a", "b"}
    assert folds(["a", "b"], ["same", "same"], 3, seed=1) == []
    assert len(folds(["a", "b", "c"], ["1", "2", "3"], 5, seed=1)) == 3


def candidate(there: Problem, **fields: Any) -> FineTuned:
    settings = finetuning_loop.Settings(epochs=3, batch_size=16)
    return FineTuned("tuned", there, lambda: object(), None, 0, 1.0, settings, float("inf"), **fields)


def fake(log: list[tuple[int, int]], fits: int, losses: Sequence[Sequence[float]] = ((1.0, 0.5, 0.7),)) -> Any:
    """Stands for the loop: memory is enough for batches of `fits`; validation losses are given for each fold."""
    import torch

    folds_seen = []

    def train(
        model: Any, there: Problem, indices: Any, pad: int, settings: finetuning_loop.Settings, **fields: Any
    ) -> Any:
        log.append((settings.batch_size, settings.accumulation))
        if settings.batch_size > fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        curve = losses[len(folds_seen) % len(losses)]
        folds_seen.append(1)
        history = finetuning_loop.History()
        for number, loss in enumerate(curve, 1):
            if fields["measure"]:
                fields["measure"](None)
            history.values.append(loss)
            history.epochs.append(Epoch(epoch=number, validation_loss=loss, score=1 - loss))
        history.best = int(np.argmin(curve)) + 1
        return history

    return train


def forward(model: Any, encodings: Sequence[Encoding], pad: int) -> list[np.ndarray]:
    return [np.zeros(3) for _ in encodings]


def test_memory_that_runs_out_halves_the_batch_and_keeps_its_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    there, log = problem(), list[tuple[int, int]]()
    monkeypatch.setattr(finetuning.finetuning_loop, "train", fake(log, fits=4))
    monkeypatch.setattr(finetuning.batches, "forward", forward)
    found, _, _ = candidate(there).run([(list(range(24)), list(range(24, 48)))], keep=True)
    assert log == [(16, 1), (8, 2), (4, 4)]
    assert "4×4" in found.detail
    log.clear()
    monkeypatch.setattr(finetuning.finetuning_loop, "train", fake(log, fits=0))
    with pytest.raises(OutOfMemory, match="batch of one"):
        candidate(there).run([(list(range(24)), list(range(24, 48)))], keep=True)
    assert log[-1] == (1, 16)


def test_other_faults_are_not_taken_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any, **fields: Any) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(finetuning.finetuning_loop, "train", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        candidate(problem()).final(2)


def test_all_folds_agree_on_one_number_of_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    there = problem()
    losses = ((0.9, 0.5, 0.6), (0.9, 0.8, 0.2), (0.9, 0.7))
    monkeypatch.setattr(finetuning.finetuning_loop, "train", fake([], fits=16, losses=losses))
    monkeypatch.setattr(finetuning.batches, "forward", forward)
    parts = folds(there.strata, [row.group for row in there.rows], 3, seed=1)
    found, model, epochs = candidate(there).run(parts, keep=False)
    assert epochs == 3
    assert model is None
    assert list(found.indices) == list(range(48))
    assert [point.validation_loss for point in found.curve] == pytest.approx([0.9, 2 / 3, 0.5])


def test_a_model_that_somebody_named_is_told_to_be_left_out_where_people_write(monkeypatch: pytest.MonkeyPatch) -> None:
    class Named(FrozenRegression):
        name = "a model of mine"
        asked = True

    monkeypatch.setattr(registry, "strategies", lambda: [Named, FrozenRegression, NearestAnswer])
    question = Question(name="reply", kind="text", inputs=("text",), maximum=1)
    there = Problem(question, kind_of(question), [], [], [], {0: "reply"})
    notes: list[str] = []
    given = SimpleNamespace(problem=there, notes=notes)
    found = Selection(given)  # type: ignore[arg-type]
    assert [type(each) for each in found._strategies] == [NearestAnswer]
    assert notes == ["a model of mine: not tried, it is not asked for people's own words"]
