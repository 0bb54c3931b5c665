"""A tiny model of natural language inference as a strategy: before the first label, beside labels, and refused."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelwheel.training import batches
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.errors import InvalidCheckpoint, InvalidJob
from labelwheel.training.model import Model
from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import LabelledExample, Part, Recipe
from labelwheel.training.strategies.base import Strategy
from labelwheel.training.strategies.zero_shot import ZeroShot, ZeroShotNames
from labelwheel.training.testing.labelled_texts import TOPIC, labelled_texts
from labelwheel.training.testing.strategies import StrategyConformance
from labelwheel.training.zero_shot import entailment
from labelwheel.training.zero_shot.entry import ZeroShotEntry
from tests.training.reported import reported
from tests.training.zero_shot import inference


class TestZeroShot(StrategyConformance):
    @pytest.fixture
    def strategy(self) -> type[Strategy]:
        return ZeroShot

    def named(self, folder: Path) -> dict[str, Any]:
        return {"zero_shot": str(inference.untaught(folder / "nli"))}


def learnt(
    tmp_path: Path, named: Path | str, rows: Sequence[LabelledExample], question: Question = TOPIC, **more: Any
) -> dict[str, Any]:
    """The report of a job that may ask a zero-shot model; its checkpoint is `v1`."""
    return reported(tmp_path, rows, question, zero_shot=str(named), **more)


def hits(tmp_path: Path, question: Question = TOPIC) -> tuple[int, int]:
    """How many of some unseen texts are answered rightly, and how many there are."""
    held = labelled_texts(60, Part.HELD_OUT, seed=5)
    said = Model.load(tmp_path / "v1", device="cpu").predict(question, [row.example for row in held])
    return sum(one.answer == row.answer for one, row in zip(said, held, strict=True)), len(held)


def test_before_the_first_label_it_answers_in_the_place_of_the_names(nli: Path, tmp_path: Path) -> None:
    named = tmp_path / "nli"
    shutil.copytree(nli, named)
    report = learnt(tmp_path, named, [], recipe=Recipe.NAMES)
    assert report["chosen"] == ZeroShotNames.name
    found, of = hits(tmp_path)
    assert found >= 0.85 * of
    manifest = checkpoint.read(tmp_path / "v1").manifest
    assert (manifest.recipe, manifest.label_count) == ("names", 0)
    assert isinstance(manifest.foreign, ZeroShotEntry)
    exported = checkpoint.export(checkpoint.read(tmp_path / "v1"), tmp_path / "export")
    assert "is not in here" in (exported / "README.md").read_text("utf-8")

    (named / "tokenizer_config.json").write_text("{}", "utf-8")
    with pytest.raises(InvalidCheckpoint, match=r"is not what it was.*put it back, roll back, or train anew"):
        Model.load(tmp_path / "v1", device="cpu")
    shutil.rmtree(named)
    with pytest.raises(InvalidCheckpoint, match=r"cannot be loaded.*LABELWHEEL_ZERO_SHOT"):
        Model.load(tmp_path / "v1", device="cpu")


def test_with_labels_it_is_measured_beside_the_others_and_wins_where_it_is_better(nli: Path, tmp_path: Path) -> None:
    """Twelve labels of a random encoder say little, and it knows."""
    rows = [*labelled_texts(15, Part.TRAIN), *labelled_texts(30, Part.HELD_OUT)]
    report = learnt(tmp_path, nli, rows)
    assert report["chosen"] == ZeroShot.name, report["reason"]
    assert checkpoint.read(tmp_path / "v1").manifest.recipe == "zero_shot"
    (trial,) = (each for each in report["trials"] if each["name"] == ZeroShot.name)
    assert trial["score"] >= 0.8
    found, of = hits(tmp_path)
    assert found >= 0.85 * of


def test_one_that_knows_nothing_is_measured_and_not_proposed(tmp_path: Path) -> None:
    rows = [*labelled_texts(48, Part.TRAIN), *labelled_texts(30, Part.HELD_OUT)]
    report = learnt(tmp_path, inference.untaught(tmp_path / "nli"), rows)
    assert report["chosen"] != ZeroShot.name
    assert f"{ZeroShot.name} does not beat the cheaper" in report["reason"]
    assert checkpoint.read(tmp_path / "v1").manifest.foreign is None


def test_several_labels_are_decided_one_by_one(nli: Path, tmp_path: Path) -> None:
    question = TOPIC.model_copy(update={"kind": Kind.CHOICES})
    assert learnt(tmp_path, nli, [], question, recipe=Recipe.NAMES)["chosen"] == ZeroShotNames.name
    held = labelled_texts(60, Part.HELD_OUT, seed=5)
    said = Model.load(tmp_path / "v1", device="cpu").predict(question, [row.example for row in held])
    assert sum(one.answer == [row.answer] for one, row in zip(said, held, strict=True)) >= 45


@pytest.mark.parametrize(
    ("given", "why"), [("nowhere", "cannot be loaded"), ("classifier", "none of its outputs is called entailment")]
)
def test_one_that_cannot_be_used_leaves_it_to_the_names(given: str, why: str, tmp_path: Path) -> None:
    named = tmp_path / given
    if given == "classifier":
        inference.untaught(named, {0: "good", 1: "bad"})
    report = learnt(tmp_path, named, [], recipe=Recipe.NAMES)
    assert report["chosen"] == "label names alone"
    assert any(
        note.startswith(f"{ZeroShotNames.name}: named, but not used: ") and why in note for note in report["notes"]
    )


def test_spans_have_no_sentence_to_be_held_against(nli: Path, tmp_path: Path) -> None:
    spans = Question(name="what", kind=Kind.SPANS, inputs=("text",), options=(Option(value="thing"),))
    rows = [
        LabelledExample(
            example=Example(key=str(place), fields={"text": f"the cake number {place}"}),
            answer=[{"start": 4, "end": 8, "label": "thing"}], part=Part.TRAIN, group=str(place),
        )
        for place in range(16)
    ]  # fmt: skip
    report = learnt(tmp_path, nli, rows, spans)
    assert not any("zero-shot" in each["name"] for each in report["trials"])
    assert not any("zero-shot" in note for note in report["notes"])


def test_what_a_text_is_told_does_not_depend_on_its_batch(nli: Path) -> None:
    model = entailment.load(str(nli), "cpu")
    texts = ["rain", "jazz " * 30, "a cake, please, and some of this", "?"]
    together = model.odds(batches.forward(model.module, model.rows(texts, inference.SAID, 64), model.pad), 3)
    for text, one in zip(texts, together, strict=True):
        [alone] = model.odds(batches.forward(model.module, model.rows([text], inference.SAID, 64), model.pad), 3)
        assert alone == pytest.approx(one, abs=1e-4)


def test_a_model_of_pairs_is_told_which_text_is_which(nli: Path) -> None:
    """As its own tokenizer would tell it."""
    import torch
    from transformers import AutoTokenizer, BertForSequenceClassification

    model = entailment.load(str(nli), "cpu")
    given = AutoTokenizer.from_pretrained(nli)(
        ["rain", "jazz or not"], ["one.", "two."], padding=True, return_tensors="pt"
    )
    assert given["token_type_ids"].any()
    with torch.inference_mode():
        expected = BertForSequenceClassification.from_pretrained(nli)(**given).logits.numpy()
        blind = BertForSequenceClassification.from_pretrained(nli)(
            input_ids=given["input_ids"], attention_mask=given["attention_mask"]
        ).logits.numpy()
    pairs = [model.rows(["rain"], ["one."], 64)[0], model.rows(["jazz or not"], ["two."], 64)[0]]
    found = np.stack(batches.forward(model.module, pairs, model.pad))
    assert found == pytest.approx(expected, abs=1e-4)
    assert not np.allclose(blind, expected, atol=1e-3)


def test_a_long_text_is_cut_and_its_sentence_is_not(nli: Path) -> None:
    model = entailment.load(str(nli), "cpu")
    [row] = model.rows(["rain " * 500], ["This text is about weather."], 40)
    assert len(row.input_ids) == 40
    assert "about weather" in model.tokenizer.decode(row.input_ids)


def test_questions_share_one_model(nli: Path) -> None:
    assert entailment.load(str(nli), "cpu") is (held := entailment.load(str(nli), "cpu"))
    with pytest.raises(InvalidJob, match="is not what it was"):
        entailment.load(str(nli), "cpu", digest="another")
    assert held.name == str(nli)
