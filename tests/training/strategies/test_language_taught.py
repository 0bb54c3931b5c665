"""A small model that a language model teaches: on texts without a label, as far as that helps, and on nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelwheel.training.language import client, endpoint
from labelwheel.training.language.endpoint import LanguageModel
from labelwheel.training.strategies import contrastive, registry
from labelwheel.training.strategies.base import Cost
from labelwheel.training.strategies.contrast_taught import ContrastTaught
from labelwheel.training.strategies.contrastive import Contrastive
from labelwheel.training.strategies.frozen_regression import FrozenRegression
from labelwheel.training.strategies.language_taught import WEIGHTS, LanguageTaught
from labelwheel.training.strategies.materials import Materials
from labelwheel.training.strategies.selection import Selection
from labelwheel.training.strategies.self_taught import SelfTaught
from labelwheel.training.strategies.silver import Silver, Vein
from testkit.language_model import ScriptedModel
from tests.training.models import example, rows, tiny_bert
from tests.training.strategies.contrast_record import recorded
from tests.training.strategies.test_self_taught import LOOSE, given

TRUTH = {one.fields["text"]: label for one, label in LOOSE}
LABELS = ("weather", "music", "food")


def asked(messages: list[dict[str, str]]) -> str:
    return str(json.loads(messages[-1]["content"])["text"])


def shown(messages: list[dict[str, str]]) -> list[str]:
    return [json.loads(each["content"])["text"] for each in messages[1:-1:2]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"))


@pytest.fixture
def scripted() -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda messages: TRUTH[asked(messages)]).running() as found:
        yield found


@pytest.fixture
def make(scripted: ScriptedModel, tmp_path: Path) -> Iterator[Callable[..., LanguageModel]]:
    def made(**fields: Any) -> LanguageModel:
        usual = {"url": scripted.url, "model": "tiny", "folder": str(tmp_path / "language"), "seconds": 5.0}
        found = LanguageModel(**usual | {"project": "7", "role": "teacher", "silver": 60} | fields)
        endpoint.name(found)
        return found

    yield made
    endpoint.name(None)
    client.of.cache_clear()


def loss(outcome: Any) -> float:
    return float(np.mean([each.loss for each in outcome.scores.values()]))


def test_it_learns_of_the_answers_and_no_part_hears_of_what_it_is_measured_on(
    folder: Path, scripted: ScriptedModel, make: Callable[..., LanguageModel]
) -> None:
    make()
    there = given(folder, rows(1))
    strategy = LanguageTaught(there)
    assert strategy.applies()
    outcome = strategy.measure()
    assert list(outcome.indices) == there.layout.measured()
    assert "an answer weighs 0 of" not in outcome.detail, outcome.detail
    assert loss(outcome) < loss(FrozenRegression(there).measure())

    labelled = {row.example.fields["text"]: number for number, row in enumerate(there.problem.rows)}
    texts = [asked(prompt) for prompt in scripted.seen]
    assert len(texts) == len(set(texts)) == 60, "each text is asked about once, and no more than may be"
    assert not set(texts) & set(labelled)
    parts = there.layout.parts()
    for prompt in scripted.seen:
        among = {labelled[text] for text in shown(prompt)}
        assert any(among <= set(learn) for learn, _ in parts), "shown is what one part learns from"

    finished = strategy.finish()
    assert finished.settings["silver"] + finished.settings["disputed"] == 60
    assert finished.settings["silver_weight"] in WEIGHTS[1:]
    assert finished.foreign is None, "what it answers costs nothing"
    assert len(there.problem) == len(rows(1)), "no answer of a model is a label"
    assert any("none is kept" in note for note in there.notes)
    assert not any(text in json.dumps([finished.settings, there.notes]) for text in texts)


def test_answers_that_do_not_help_weigh_nothing(
    folder: Path, scripted: ScriptedModel, make: Callable[..., LanguageModel]
) -> None:
    scripted.answering = lambda messages: LABELS[(LABELS.index(TRUTH[asked(messages)]) + 1) % 3]
    make()
    there = given(folder, rows(2))
    strategy = LanguageTaught(there)
    assert strategy.applies()
    outcome = strategy.measure()
    assert outcome.detail.endswith("an answer weighs 0 of a label")
    learnt, alone = strategy.finish().module, FrozenRegression(there).finish().module
    for one, other in zip(learnt.parameters(), alone.parameters(), strict=True):
        assert np.allclose(one.detach().numpy(), other.detach().numpy(), atol=1e-4), "the same as without"


def test_what_is_asked_first_is_what_the_labels_leave_unsure(
    folder: Path, scripted: ScriptedModel, make: Callable[..., LanguageModel]
) -> None:
    make()
    there = given(folder, rows(2))
    vein, problem = Vein(there), there.problem
    head = there.frozen.fit(range(len(problem)), there.setting)
    (chosen,) = vein.useful([head], 20)
    said = [head(vein.features[number]) for number in range(len(vein.rows))]
    sure = np.array([np.exp(row - row.max()).max() / np.exp(row - row.max()).sum() for row in said])
    assert set(np.argsort(sure)[:8]) <= set(chosen), "the least sure are among them"
    assert {0, 1, 2, 3} <= set(chosen), "and some by chance"
    one, other = vein.useful([head, head], 20)
    assert len(one) == len(other) == 10
    assert not set(one) & set(other), "no text is asked about twice"


def test_people_who_say_otherwise_of_a_like_text_are_right(folder: Path, make: Callable[..., LanguageModel]) -> None:
    make()
    there = given(folder, rows(2))
    vein = Vein(there)
    near = there.frozen.features[there.problem.places[0][0]]
    vein.features[0], vein.features[1], vein.features[2] = near, near, -near
    people = there.problem.rows[0].answer
    other = next(label for label in LABELS if label != people)
    silver = Silver([0, 1, 2], [other, people, other])
    found = vein.undisputed(silver, range(len(there.problem)))
    assert 0 not in found.numbers, "they disagree"
    assert 1 in found.numbers
    far = [number for number in range(len(there.problem)) if there.problem.rows[number].answer == other]
    assert 0 in vein.undisputed(silver, far).numbers, "a part hears of the labels alone that it learns from"


@pytest.mark.parametrize("why", ["budget", "fault"])
def test_it_ends_where_it_is_dear_or_away_and_the_rest_of_the_budget_is_for_suggestions(
    why: str, folder: Path, scripted: ScriptedModel, make: Callable[..., LanguageModel]
) -> None:
    price = {"price_in": 100.0, "price_out": 100.0, "budget": 1.0}  # a request costs .011
    if why == "fault":
        scripted.fault = "500"
        make(seconds=0.5)
        strategy = LanguageTaught(given(folder, rows(2)))
        with pytest.raises(TimeoutError, match=r"0 of 60 texts were answered: .* answers 500"):
            strategy.measure()
        return
    model = make(**price, silver=72, concurrency=1)
    assert LanguageTaught(given(folder, rows(2))).measure().detail.startswith("48 texts"), "two turns of three"
    assert 0.5 < client.of(model.model_copy(update={"project": ""})).account.today("7").money < 1.0


def test_who_does_not_teach_is_not_asked(folder: Path, make: Callable[..., LanguageModel]) -> None:
    there = given(folder, rows(2))
    assert not LanguageTaught(there).applies()
    make(role="suggest")
    assert not LanguageTaught(there).applies()
    make()
    assert not LanguageTaught(given(folder, rows(2), loose=5)).applies()
    assert not LanguageTaught(replace(there, unlabelled=None)).applies()


def test_a_text_that_a_person_has_labelled_is_no_silver_any_more(
    folder: Path, scripted: ScriptedModel, make: Callable[..., LanguageModel]
) -> None:
    make()
    labelled = rows(2)
    text, row = LOOSE[0][0].fields["text"], labelled[0]
    there: Materials = given(folder, [row.model_copy(update={"example": example(text, "by-a-person")}), *labelled[1:]])
    strategy = LanguageTaught(there)
    assert strategy.applies()
    strategy.measure()
    assert text not in [asked(prompt) for prompt in scripted.seen]


def test_the_encoder_learns_of_the_same_answers_and_no_part_of_those_of_another(
    folder: Path, scripted: ScriptedModel, make: Callable[..., LanguageModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    make()
    there = given(folder, rows(2))
    tuned = recorded(monkeypatch)
    monkeypatch.setattr(contrastive, "STEPS", 12)
    LanguageTaught(there).measure()
    asked_of = len(scripted.seen)
    strategy = ContrastTaught(there)
    assert strategy.applies()
    outcome = strategy.measure()
    assert list(outcome.indices) == there.layout.measured()
    assert "60 answers of a language model" in outcome.detail
    assert len(scripted.seen) == asked_of == 60, "nobody is asked twice"

    shares, vein = there.silver.shares, there.silver.vein
    taught = tuned[-2 * len(shares) :][1::2]  # each part's first training is one without
    loose = {tuple(row.input_ids): number for number, row in enumerate(vein.rows)}
    for classes, share in zip(taught, shares, strict=True):
        ids = {tuple(text) for texts in classes.texts.values() for text in texts}
        silver = {loose[each] for each in ids if each in loose}
        assert silver
        assert silver <= set(share.silver.numbers), "by prompts of what the part learns from"
        measured = {tuple(there.problem.encodings[p].input_ids) for p in there.problem.encoded(share.part[1])}
        learnt = {tuple(there.problem.encodings[p].input_ids) for p in there.problem.encoded(share.part[0])}
        assert not ids & (measured - learnt)
    strategy._guessing = True
    assert SelfTaught in strategy.replaces()
    finished = strategy.finish()
    assert finished.settings["silver"] > 20, "without those that people dispute"
    assert len(there.problem) == 24


def test_a_contrast_that_answers_mislead_is_one_without(
    folder: Path, scripted: ScriptedModel, make: Callable[..., LanguageModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.answering = lambda messages: LABELS[len(asked(messages)) % 3]
    make()
    monkeypatch.setattr(contrastive, "STEPS", 40)
    there = given(folder, rows(2))
    strategy = ContrastTaught(there)
    outcome = strategy.measure()
    assert "do not help" in outcome.detail, outcome.detail
    assert strategy.finish().settings["silver"] == 0
    assert SelfTaught not in strategy.replaces()
    assert Contrastive in strategy.replaces()


def test_where_no_encoder_is_to_be_trained_none_is_taught(
    folder: Path, make: Callable[..., LanguageModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    make()
    monkeypatch.setattr(registry, "_registered", lambda: [FrozenRegression, LanguageTaught, ContrastTaught])
    tried, _ = Selection(given(folder, rows(2))).weigh(Cost.SECONDS)
    assert [type(strategy) for strategy, _ in tried] == [FrozenRegression, LanguageTaught]
    order = [each for each in registry._BUILT_IN if each in (ContrastTaught, SelfTaught, Contrastive)]
    assert order == [ContrastTaught, SelfTaught, Contrastive], "what replaces others comes before them"
