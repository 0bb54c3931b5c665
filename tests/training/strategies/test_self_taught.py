"""Contrast that is taught by its own guesses: on texts that nobody has labelled, and on nothing that is measured."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelwheel.training import batches, encoders
from labelwheel.training.heads.guesses import Guesses
from labelwheel.training.kinds import kind_of
from labelwheel.training.progress import Listener, Progress
from labelwheel.training.spec import LabelledExample
from labelwheel.training.strategies import contrastive, contrastive_loop, registry, self_taught
from labelwheel.training.strategies.contrastive import Contrastive
from labelwheel.training.strategies.from_base import FromBase
from labelwheel.training.strategies.frozen_head import Frozen, Guessed
from labelwheel.training.strategies.materials import Budget, Materials
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.self_taught import SelfTaught
from labelwheel.training.strategies.shrinkage import Setting
from labelwheel.training.unlabelled import UnlabelledTexts
from tests.training.models import choice, example, rows, tiny_bert
from tests.training.strategies.contrast_record import recorded

MORE = {
    "weather": ("rain", "sunny", "cold tonight", "snow"),
    "music": ("some jazz", "my playlist", "the next song", "the new album"),
    "food": ("a table for two", "a pizza place", "dinner", "a sushi restaurant"),
}
LOOSE = [
    (example(f"{start} {said}, number {number}", f"loose-{label}-{number}-{place}"), label)
    for label, texts in MORE.items()
    for number, start in enumerate(
        ("and tell me about", "once more,", "could it be", "we want", "today there is", "or")
    )
    for place, said in enumerate(texts)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"))


def given(folder: Path, labelled: list[LabelledExample], loose: int | None = len(LOOSE)) -> Materials:
    asked = choice()
    base, tokenizer = encoders.load(str(folder), kind_of(asked).config(asked))
    problem = Problem.build(asked, kind_of(asked), labelled, tokenizer, 32)
    frozen = Frozen.build(problem, base, tokenizer, 32, encoders.features)
    texts = None
    if loose is not None:
        chosen = [LOOSE[place][0] for place in np.random.default_rng(1).permutation(len(LOOSE))[:loose]]
        texts = UnlabelledTexts(asked, chosen, labelled, tokenizer, 32)
    budget = Budget(time.monotonic() + 3000)
    return Materials(
        problem, base, tokenizer, frozen, None, 32, 1, budget, Progress(Listener()), str(folder), unlabelled=texts
    )


def test_each_part_is_guessed_without_what_is_measured_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = given(folder, rows(2))
    tuned = recorded(monkeypatch)
    monkeypatch.setattr(contrastive, "STEPS", 12)
    strategy = SelfTaught(there)
    assert strategy.applies()
    outcome = strategy.measure()
    assert list(outcome.indices) == list(range(24))
    assert there.unlabelled is not None
    loose = {tuple(one.input_ids) for one in there.unlabelled.encodings}
    texts = [{tuple(text) for own in each.texts.values() for text in own} for each in tuned[-6:]]
    for number, (learn, measure) in enumerate(there.layout.parts()):
        own = {tuple(there.problem.encodings[place].input_ids) for place in there.problem.encoded(learn)}
        apart = {tuple(there.problem.encodings[place].input_ids) for place in there.problem.encoded(measure)} - own
        first, second = texts[2 * number : 2 * number + 2]
        assert first == own
        assert second > own
        assert second - own <= loose
        assert not second & apart

    assert "guesses help" in outcome.detail
    finished = strategy.finish()
    logits = np.stack(batches.forward(finished.module, there.problem.encodings, there.tokenizer.pad_token_id))
    right = logits.argmax(axis=1) == np.array([int(each) for each in there.problem.targets])
    assert right.mean() > 0.9
    assert finished.settings["guesses"] > 0


def test_guesses_that_mislead_are_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = given(folder, rows(2))
    real = self_taught.guess

    def misled(*arguments: Any) -> Guesses:
        found = real(*arguments)
        return found._replace(targets=(found.targets + 1) % 3)

    monkeypatch.setattr(self_taught, "guess", misled)
    monkeypatch.setattr(contrastive, "STEPS", 2)
    strategy = SelfTaught(there)
    assert strategy.applies()
    outcome = strategy.measure()
    assert "guesses do not help" in outcome.detail
    tuned = recorded(monkeypatch)
    assert strategy.finish().settings["guesses"] == 0
    assert [sum(map(len, each.texts.values())) for each in tuned] == [24]


@pytest.mark.parametrize(("loose", "tried"), [(None, False), (0, False), (47, False), (48, True), (72, True)])
def test_it_takes_texts_enough(folder: Path, loose: int | None, tried: bool) -> None:
    assert SelfTaught(given(folder, rows(2), loose)).applies() is tried


@pytest.mark.parametrize(
    ("limit", "value", "tried"),
    [("A_CLASS", 8, True), ("A_CLASS", 9, False), ("MOST_LABELS", 24, True), ("MOST_LABELS", 23, False)],
)
def test_it_takes_some_labels_of_each_class_and_not_many(
    folder: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, tried: bool
) -> None:
    monkeypatch.setattr(self_taught, limit, value)
    assert SelfTaught(given(folder, rows(2))).applies() is tried


def test_long_texts_are_fewer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = given(folder, rows(2))
    assert there.unlabelled is not None
    monkeypatch.setattr(self_taught, "MOST_TOKENS", sum(len(one.input_ids) for one in there.unlabelled.encodings[:47]))
    assert not SelfTaught(there).applies()


def test_it_stands_for_contrast_alone_and_is_tried_before(folder: Path) -> None:
    there = given(folder, rows(2))
    assert SelfTaught(there).replaces() == (Contrastive, FromBase)
    order = [each for each in registry.strategies() if each in (SelfTaught, Contrastive, FromBase)]
    assert order == [SelfTaught, Contrastive, FromBase]


def test_where_time_is_short_contrast_has_it_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = given(folder, rows(2))
    steps = contrastive.STEPS + len(there.problem) // contrastive.A_STEP
    monkeypatch.setattr(Contrastive, "_learnt", lambda *arguments: pytest.fail("it has begun"))
    strategy = SelfTaught(there)
    assert strategy.applies()

    def slow(strategy: Contrastive) -> float:
        strategy._settings = contrastive_loop.Settings(steps)
        return there.budget.seconds * 0.7 / (4 * SelfTaught.trainings * steps)

    monkeypatch.setattr(Contrastive, "time_steps", slow)
    with pytest.raises(TimeoutError, match="without guesses"):
        strategy.measure()
    alone = Contrastive(there)
    assert len(alone._parts(slow(alone))) == 3


def test_guesses_weigh_as_much_as_labels(folder: Path) -> None:
    frozen = given(folder, rows(2)).frozen
    everything, setting = range(24), Setting(0.0, 0.1)
    values, targets, _ = frozen.problem.stack(everything, frozen.features)
    once = Guessed(values, targets.astype(int))
    thrice = Guessed(np.concatenate([values] * 3), np.concatenate([targets.astype(int)] * 3))
    alone = frozen.fit(everything, replace(setting, penalty=0.05))
    for guesses in (once, thrice):
        assert np.allclose(frozen.fit(everything, setting, guesses).weight, alone.weight, atol=1e-3)
    wrong = Guessed(values, (targets.astype(int) + 1) % 3)
    assert not np.allclose(frozen.fit(everything, setting, wrong).weight, alone.weight, atol=1e-1)
