"""Spans that an encoder was fine-tuned for are told by a chain on top of it, as well as it was measured to."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from transformers import AutoTokenizer, pipeline

from labelwheel.training import layers
from labelwheel.training.checkpoints import checkpoint, layered_head
from labelwheel.training.heads.span_manner import marked
from labelwheel.training.heads.word_texts import WordTexts
from labelwheel.training.kinds import kind_of
from labelwheel.training.model import Model
from labelwheel.training.questions import Prediction
from labelwheel.training.spec import JobResult, Part
from labelwheel.training.strategies.chain import Chain
from labelwheel.training.strategies.chain_on_top import ChainOnTop
from labelwheel.training.strategies.materials import Materials
from labelwheel.training.strategies.outcome import Outcome
from labelwheel.training.strategies.problem import Problem
from tests.training.chains import PLACES, UNSEEN, labelled, made, without_a_rule
from tests.training.models import tiny_bert


@pytest.fixture(autouse=True)
def nothing_but_fine_tuning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chain, "applies", lambda self: False)


def folder(tmp_path: Path) -> Path:
    (tmp_path / "job").mkdir()
    return tmp_path / "job"


def fine_tuned(found: checkpoint.Checkpoint) -> dict[str, Any]:
    return next(trial for trial in found.report["trials"] if trial["name"].startswith("fine-tuned"))


def test_what_was_fine_tuned_answers_by_a_chain_and_as_it_was_measured(tmp_path: Path) -> None:
    held = labelled(16, Part.HELD_OUT, UNSEEN)
    there = made(folder(tmp_path), [*labelled(36), *held])
    found = checkpoint.read(there)
    assert (found.manifest.recipe, found.manifest.head) == ("finetuned", layered_head.FILE)
    assert found.manifest.settings["chain_learnt_from"] == 36
    assert "a chain on top (0." in fine_tuned(found)["detail"]
    result = JobResult.model_validate_json((there / "result.json").read_bytes())
    measured = {pair.key: pair.challenger_loss for pair in result.pairs if pair.held_out}
    said = Model.load(there, "cpu").predict(PLACES, [row.example for row in held])
    again = {
        row.example.key: kind_of(PLACES).score(PLACES, row.example, row.answer, one).loss
        for row, one in zip(held, said, strict=True)
    }
    assert again == pytest.approx(measured)
    assert np.mean(list(again.values())) < 0.3
    plain = pipeline("token-classification", str(checkpoint.export(found, tmp_path / "out")), device="cpu")
    assert isinstance(plain("they moved to Oslo"), list)


def test_its_scores_are_those_of_texts_that_neither_has_learnt_from(tmp_path: Path) -> None:
    """Marks that follow no rule are learnt by heart, by the encoder and by the chain, and nothing of that is told."""
    found = checkpoint.read(made(folder(tmp_path), without_a_rule(32), artefact=False))
    assert fine_tuned(found)["score"] < 0.4


def test_where_layers_cannot_be_read_the_last_one_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "behind", lambda module: None)
    found = checkpoint.read(made(folder(tmp_path), labelled(36), artefact=False))
    assert found.manifest.head is None
    assert "chain" not in fine_tuned(found)["detail"]


@pytest.mark.parametrize("chained", [True, False])
def test_what_answers_better_on_what_neither_has_learnt_from_is_kept(tmp_path: Path, chained: bool) -> None:
    """One of both is right everywhere, the other says that there is nothing to mark."""
    rows, kind = labelled(36), kind_of(PLACES)
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert(tmp_path / "base"))
    problem = Problem.build(PLACES, kind, rows, tokenizer, 32, 0.5)
    right = [Prediction(answer=row.answer, score=0.9, item_scores=(0.9,) * len(row.answer)) for row in rows]
    silent = [Prediction(answer=[], score=0.9)] * len(rows)
    top, outside = ChainOnTop(cast(Materials, SimpleNamespace(problem=problem))), kind.config(PLACES)["label2id"]["O"]
    texts = WordTexts.of(PLACES, problem.examples)
    tags = [kind.config(PLACES)["label2id"][tag] for tag in marked(PLACES, problem.examples, problem.answers, texts)]
    said = np.log(np.full((len(tags), len(problem.id2label)), 1e-9))
    said[np.arange(len(tags)), tags if chained else outside] = 0.0
    top._said = dict(enumerate(texts.parted(said)))
    plain = Outcome("x", problem, range(len(rows)), {}, answers=silent if chained else right, settled={}, detail="one")
    found = top.better(plain)
    assert found.detail.startswith("one, a chain on top (" if chained else "one (")
    assert [one.answer for one in found.whole] == [row.answer for row in rows]
    assert (top._manner is not None) is chained
