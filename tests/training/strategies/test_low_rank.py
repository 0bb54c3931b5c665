"""When adapters are tried, when whole fine-tuning is not, and a job that ends in a plain checkpoint."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from labelwheel.backend.serving.engines.onnx import OnnxEngine
from labelwheel.training import encoders, job, memory
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.kinds import kind_of
from labelwheel.training.model import Model
from labelwheel.training.progress import Listener, Progress
from labelwheel.training.questions import Kind, Question
from labelwheel.training.spec import JobSpec, Part
from labelwheel.training.strategies import adapters, footprint, registry
from labelwheel.training.strategies.continued import FromChampion
from labelwheel.training.strategies.from_base import FromBase
from labelwheel.training.strategies.low_rank import LowRank
from labelwheel.training.strategies.materials import Budget, Materials
from labelwheel.training.strategies.problem import Problem
from tests.training.models import choice, rows, tiny_bert
from tests.training.strategies.test_adapters import PAIR, TOKENS, labelled

PLENTY = 2**60
ALL = (FromChampion, LowRank, FromBase)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"))


def given(folder: Path, copies: int = 9) -> Materials:
    """A round whose champion was fine-tuned from the same base model."""
    asked = choice()
    base, tokenizer = encoders.load(str(folder), kind_of(asked).config(asked))
    problem = Problem.build(asked, kind_of(asked), rows(copies), tokenizer, 32)
    champion: Any = SimpleNamespace(
        manifest=SimpleNamespace(recipe=LowRank.recipe, question=asked, base_model=str(folder))
    )
    nothing: Any = None
    return Materials(
        problem, base, tokenizer, nothing, champion, 32, 1, Budget(time.monotonic() + 60), Progress(Listener()),
        str(folder),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("large", "free", "tried"),
    [
        (False, PLENTY, {FromChampion, FromBase}),
        (True, PLENTY, {FromChampion, LowRank, FromBase}),
        (False, 0, {LowRank}),
        (True, 0, {LowRank}),
    ],
)
def test_adapters_are_for_what_is_large_and_what_does_not_fit(
    folder: Path, monkeypatch: pytest.MonkeyPatch, large: bool, free: int, tried: set[type]
) -> None:
    there = given(folder)
    monkeypatch.setattr(memory, "free", lambda device: free)
    if large:
        monkeypatch.setattr(footprint, "LARGE", 1000)
    assert {each for each in ALL if each(there).applies()} == tried
    notes = [note for note in there.notes if "memory" in note]
    assert [note.partition(":")[0] for note in notes] == [each.name for each in ALL if each not in tried | {LowRank}]
    few = given(folder, copies=1)
    assert not LowRank(few).applies(), "a dozen labels are too few, whatever the size"


def test_it_fits_from_what_training_takes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = given(folder).base
    table = base.get_input_embeddings().weight.numel()
    whole = sum(parameter.numel() for parameter in base.parameters())
    assert 20 * (whole - table) > footprint.of_whole(base) - 4 * table > 16 * (whole - table) / 2
    for free, fits in ((footprint.of_whole(base) - 1, False), (footprint.of_whole(base), True)):
        there = given(folder)
        monkeypatch.setattr(memory, "free", lambda device, free=free: free)
        assert there.fits_whole is fits
        monkeypatch.setattr(memory, "free", lambda device: 0)
        assert there.fits_whole is fits, "all strategies of a round hear the same"


def test_the_size_of_a_bert_base_is_not_large_and_that_of_a_large_one_is() -> None:
    from transformers import BertConfig, BertForSequenceClassification

    large = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
    with torch.device("meta"):  # their shapes alone
        sizes = [BertForSequenceClassification(BertConfig(**fields)) for fields in ({}, large)]
    assert [footprint.is_large(model) for model in sizes] == [False, True]


def test_a_job_leaves_a_plain_checkpoint_that_answers_as_what_was_trained(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import pipeline

    monkeypatch.setattr(registry, "_registered", lambda: [LowRank, FromBase])
    monkeypatch.setattr(footprint, "LARGE", 1000)
    monkeypatch.setattr(memory, "free", lambda device: 0)
    trained: list[Any] = []
    merged = adapters.merged

    def seen(model: Any) -> Any:
        trained.append(copy.deepcopy(model))
        return merged(model)

    monkeypatch.setattr(adapters, "merged", seen)
    spec = JobSpec(
        version="v1", question=choice(), output=str(tmp_path / "v1"), data="", base_model=str(folder), device="cpu",
        threads=1, max_length=32,
    )  # fmt: skip
    held_out = rows(1, Part.HELD_OUT)
    assert job.execute(spec, rows(2) + held_out) == "v1"

    manifest = checkpoint.read(tmp_path / "v1").manifest
    assert manifest.recipe == "finetuned", "the next round may go on from it, where the memory allows"
    settings = manifest.settings
    assert (settings["lora_rank"], settings["lora_alpha"]) == (adapters.RANK, adapters.ALPHA)
    assert settings["lora_layers"] == "dense, key, query, value"
    assert settings["adapter_rate"] == pytest.approx(10 * settings["rate"])
    report = json.loads((tmp_path / "v1" / checkpoint.REPORT).read_bytes())
    assert [trial["name"] for trial in report["trials"]] == [LowRank.name]
    assert any(note.startswith(f"{FromBase.name}: not tried") for note in report["notes"])

    assert not list((tmp_path / "v1").rglob("adapter*"))
    texts = [row.example.fields["text"] for row in held_out]
    answer = pipeline("text-classification", str(tmp_path / "v1"), device="cpu", top_k=None)
    (module,) = trained
    tokenizer = answer.tokenizer
    with torch.no_grad():
        wanted = module(**tokenizer(texts, padding=True, return_tensors="pt")).logits.softmax(-1)
    for row, scores in zip(answer(texts), wanted, strict=True):
        assert {each["label"]: each["score"] for each in row} == pytest.approx(
            {module.config.id2label[place]: float(score) for place, score in enumerate(scores)}, abs=1e-4
        )

    model, served = Model.load(tmp_path / "v1", device="cpu"), OnnxEngine(cores=1).load(tmp_path / "v1")
    asked = [row.example for row in held_out]
    rows_ = served.encode(choice(), asked)
    found = served.decode(choice(), asked, rows_, served.head(served.encoder.features(rows_)))
    for one, other in zip(found, model.predict(choice(), asked), strict=True):
        assert one.score == pytest.approx(other.score, abs=0.05)


@pytest.mark.parametrize("question", [TOKENS, PAIR], ids=lambda question: question.kind)
def test_tokens_and_pairs_are_learnt_so_too(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: Question
) -> None:
    monkeypatch.setattr(registry, "_registered", lambda: [LowRank])
    monkeypatch.setattr(footprint, "LARGE", 1000)
    given = labelled(question)
    if question.kind == Kind.SPANS:  # where all are alike there is nothing to tell apart
        given = [row.model_copy(update={"answer": row.answer if place % 2 else []}) for place, row in enumerate(given)]
    held_out = [
        row.model_copy(update={"part": Part.HELD_OUT, "group": f"held out {place}"})
        for place, row in enumerate(given[:8])
    ]
    spec = JobSpec(
        version="v1", question=question, output=str(tmp_path / "v1"), data="", base_model=str(folder), device="cpu",
        threads=1, max_length=32,
    )  # fmt: skip
    assert job.execute(spec, given + held_out) == "v1"
    assert checkpoint.read(tmp_path / "v1").manifest.settings["lora_rank"] == adapters.RANK
    model, served = Model.load(tmp_path / "v1", device="cpu"), OnnxEngine(cores=1).load(tmp_path / "v1")
    rows_ = served.encode(question, [row.example for row in held_out])
    found = served.head(served.encoder.features(rows_))
    wanted = model.logits(model.kind.encode(question, [row.example for row in held_out], model.tokenizer, 32))
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, abs=0.05)
