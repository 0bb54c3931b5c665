"""The champion as a start: an encoder half way back to the base model keeps what it knew and learns what is new."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labelwheel.training import batches, encoders
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.kinds import kind_of
from labelwheel.training.model import Model
from labelwheel.training.progress import Listener, Progress
from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample
from labelwheel.training.strategies import continued
from labelwheel.training.strategies.continued import FromChampion, between
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.materials import Budget, Materials
from labelwheel.training.strategies.problem import Problem
from tests.training.models import choice, rows, tiny_bert


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"))


def load(folder: Path, asked: Question) -> tuple[Any, Any]:
    return encoders.load(str(folder), kind_of(asked).config(asked))


def moved(module: Any, by: float) -> Any:
    """A copy whose weights are all further on, but the table of tokens, which training leaves alone."""
    found = copy.deepcopy(module)
    still = {id(parameter) for parameter in encoders.still_parameters(found)}
    with torch.no_grad():
        for parameter in found.parameters():
            if id(parameter) not in still:
                parameter.add_(by)
    return found


def test_without_noise_each_weight_is_on_the_straight_way_and_the_head_stays(folder: Path) -> None:
    base, _ = load(folder, choice())
    champion = moved(base, 0.5)
    before = {name: each.clone() for name, each in base.state_dict().items()}
    found = between(base, champion, 1, kept=0.25, noise=0.0)
    last = {id(each) for each in encoders.head(found).parameters()}
    still = {id(each) for each in encoders.still_parameters(found)}
    for name, parameter in found.named_parameters():
        way = 0.0 if id(parameter) in last | still else 0.125
        assert torch.allclose(parameter, before[name] + way, atol=1e-6), name
    assert all(torch.equal(each, before[name]) for name, each in base.state_dict().items()), "nobody changes the base"
    assert torch.allclose(next(champion.parameters()), next(moved(base, 0.5).parameters()))


def test_noise_is_small_and_that_of_the_seed(folder: Path) -> None:
    base, _ = load(folder, choice())
    champion = moved(base, 0.5)
    plain = between(base, champion, 1, noise=0.0)
    noisy = [between(base, champion, seed, noise=0.01) for seed in (1, 1, 2)]
    digests = [encoders.digest(each) for each in (plain, *noisy)]
    assert digests[1] == digests[2]
    assert len(set(digests)) == 3
    still = {name for name, each in noisy[0].named_parameters() if each.ndim == 1}
    tuned = dict(champion.named_parameters())
    for name, parameter in noisy[0].named_parameters():
        change = float((parameter - plain.get_parameter(name)).detach().std())
        assert change <= (0.0 if name in still else 0.012 * float(tuned[name].detach().std())), name


def materials(folder: Path, asked: Question, labelled: list[LabelledExample], champion: Model | None) -> Materials:
    base, tokenizer = load(folder, asked)
    problem = Problem.build(asked, kind_of(asked), labelled, tokenizer, 32)
    frozen = Frozen.build(problem, base, tokenizer, 32, encoders.features)
    budget = Budget(time.monotonic() + 300)
    return Materials(problem, base, tokenizer, frozen, champion, 32, 1, budget, Progress(Listener()), str(folder))


def test_it_goes_on_from_a_champion_of_fewer_options_and_answers_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The champion knows food and music; all new labels are of weather, or of music."""
    old, new = choice("food", "music"), choice()
    base, tokenizer = load(folder, old)
    manifest = Manifest(
        version="v1", question=old, base_model=str(folder), encoder_digest="", recipe=FromChampion.recipe,
        max_length=32, label_set="", label_count=24, seed=1,
    )  # fmt: skip
    champion = Model(manifest, kind_of(old), moved(base, 0.01), tokenizer, {0: "food", 1: "music"})
    known = [row.model_copy(update={"fresh": False}) for row in rows(3) if row.answer == "food"]
    there = materials(folder, new, [*known, *(row for row in rows(6) if row.answer != "food")], champion)
    starts: list[Any] = []

    def seen(*given: Any, **more: Any) -> Any:
        starts.append(between(*given, **more))
        return starts[-1]

    monkeypatch.setattr(continued, "between", seen)
    strategy = FromChampion(there)
    assert strategy.applies()
    outcome = strategy.measure()
    fresh = [index for index, row in enumerate(there.problem.rows) if row.fresh]
    assert list(outcome.indices) == fresh, "it can only be measured on what the champion has not seen"
    assert len(starts) == 1
    module = strategy.finish().module
    logits = np.stack(batches.forward(module, there.problem.encodings, 0))
    right = logits.argmax(axis=1) == np.array([int(each) for each in there.problem.targets])
    assert right[: len(known)].mean() > 0.5, "what no new label names is not forgotten"
    assert right.mean() > 0.6


def test_another_base_model_has_no_way_back(folder: Path) -> None:
    asked = choice()
    base, tokenizer = load(folder, asked)
    manifest = Manifest(
        version="v1", question=asked, base_model="another", encoder_digest="", recipe=FromChampion.recipe,
        max_length=32, label_set="", label_count=24, seed=1,
    )  # fmt: skip
    there = materials(folder, asked, rows(3), Model(manifest, kind_of(asked), base, tokenizer, {}))
    assert not FromChampion(there).applies()
    assert "another base model" in there.notes[0]
