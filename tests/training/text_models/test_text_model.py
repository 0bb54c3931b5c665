"""A tiny text model as a strategy: it learns what can be learnt, and is refused where it is not what it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.model import Model
from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.strategies import text_model, text_training
from labelwheel.training.strategies.base import Strategy
from labelwheel.training.strategies.finetuning_loop import Settings
from labelwheel.training.testing.small_model import small_model
from labelwheel.training.testing.small_text_model import small_text_model
from labelwheel.training.testing.strategies import StrategyConformance
from labelwheel.training.text_models.answers import TextAnswers
from labelwheel.training.text_models.entry import FILE, TextModelEntry
from tests.training.reported import reported
from tests.training.text_models.language import SAID, told, turned

NAME = text_model.TextModelTuned.name
FAST = {True: 4e-3, False: 6e-3}
"""What suits weights of this size; a pretrained model of a hundred million takes a tenth of it."""


class TestTextModel(StrategyConformance):
    question = SAID

    @pytest.fixture
    def strategy(self) -> type[Strategy]:
        return text_model.TextModelTuned

    def labelled(self) -> Sequence[LabelledExample]:
        return [*turned(Part.TRAIN), *turned(Part.HELD_OUT)]

    def named(self, folder: Path) -> dict[str, Any]:
        return {"text_model": str(small_text_model(folder / "text-model", [each for pair in told(3) for each in pair]))}


def learnt(
    tmp_path: Path, named: Path | str, rows: Sequence[LabelledExample], question: Question = SAID, **more: Any
) -> dict[str, Any]:
    """The report of a job that may try a text model; its checkpoint is `v1`."""
    return reported(tmp_path, rows, question, text_model=str(named), **more)


@pytest.mark.parametrize("which", ["t5", "llama"])
def test_it_beats_the_nearest_answer_and_writes_what_nobody_has_written(
    which: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "text-model"
    shutil.copytree(request.getfixturevalue(which), base)
    monkeypatch.setattr(text_model, "RATES", FAST)
    train, held = turned(Part.TRAIN), turned(Part.HELD_OUT)
    report = learnt(tmp_path, base, [*train, *held])
    assert report["chosen"] == NAME
    assert f"{NAME} beats answer of the nearest text: mean loss -" in report["reason"]
    assert any("what serves needs the model as well" in note for note in report["notes"])

    model = Model.load(tmp_path / "v1", device="cpu")
    said = model.predict(SAID, [row.example for row in held])
    right = [one.answer == row.answer for one, row in zip(said, held, strict=True)]
    assert sum(right) >= 8
    assert not {row.answer for row in train} & {row.answer for row in held}, "nobody has written them before"
    assert sum(one.score for one in said) / len(said) == pytest.approx(sum(right) / len(held), abs=0.3), "true scores"

    found = checkpoint.read(tmp_path / "v1").manifest
    assert (found.recipe, found.settings["text_model"], found.head) == ("text_model", str(base), None)
    assert isinstance(found.foreign, TextModelEntry)
    weights = (base / "model.safetensors").stat().st_size
    assert (tmp_path / "v1" / FILE).stat().st_size < weights, "the adapters, and no more"
    exported = checkpoint.export(checkpoint.read(tmp_path / "v1"), tmp_path / "export")
    assert (exported / FILE).exists()
    assert "that model is not in here" in (exported / "README.md").read_text("utf-8")

    config = json.loads((base / "config.json").read_text("utf-8"))
    (base / "config.json").write_text(json.dumps(config | {"note": "changed"}), "utf-8")
    with pytest.raises(InvalidCheckpoint, match=r"is not what it was.*put it back, roll back, or train anew"):
        Model.load(tmp_path / "v1", device="cpu")
    shutil.rmtree(base)
    with pytest.raises(InvalidCheckpoint, match=r"cannot be loaded.*LABELWHEEL_TEXT_MODEL"):
        Model.load(tmp_path / "v1", device="cpu")


@pytest.mark.parametrize("which", ["t5", "llama"])
def test_it_learns_on_weights_in_half_precision_as_a_gpu_has_them(
    which: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import load_file

    named, held = request.getfixturevalue(which), turned(Part.HELD_OUT)  # it was taught in whole precision
    monkeypatch.setattr(text_model, "RATES", FAST)
    monkeypatch.setattr("labelwheel.training.text_models.pretrained._dtype", lambda device: torch.bfloat16)
    report = learnt(tmp_path, named, [*turned(Part.TRAIN), *held])
    assert report["chosen"] == NAME
    model = Model.load(tmp_path / "v1", device="cpu")
    assert isinstance(model.foreign, TextAnswers)
    assert model.foreign.model.module.dtype is torch.bfloat16
    said = model.predict(SAID, [row.example for row in held])
    assert sum(one.answer == row.answer for one, row in zip(said, held, strict=True)) >= 7
    assert {tensor.dtype for tensor in load_file(tmp_path / "v1" / FILE).values()} == {torch.float32}


def test_several_texts_are_written_as_several(t5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_model, "RATES", FAST)
    question = SAID.model_copy(update={"maximum": None})
    held = turned(Part.HELD_OUT, several=True)
    report = learnt(tmp_path, t5, [*turned(Part.TRAIN, several=True), *held], question)
    assert report["chosen"] == NAME
    said = Model.load(tmp_path / "v1", device="cpu").predict(question, [row.example for row in held])
    assert sum(one.answer == row.answer for one, row in zip(said, held, strict=True)) >= 7
    assert {len(one.item_scores) for one in said if one.answer} == {2}


def test_where_it_is_not_better_the_cheaper_nearest_answer_stays(tmp_path: Path) -> None:
    """A model that knows nothing, and a rate that teaches it nothing."""
    named = small_text_model(tmp_path / "text-model", [each for pair in told(3) for each in pair])
    report = learnt(tmp_path, named, [*turned(Part.TRAIN), *turned(Part.HELD_OUT)])
    assert report["chosen"] == "answer of the nearest text"
    assert f"{NAME} does not beat the cheaper answer of the nearest text" in report["reason"]
    assert checkpoint.read(tmp_path / "v1").manifest.foreign is None


@pytest.mark.parametrize("room", [2, 0])
def test_where_memory_runs_out_it_takes_smaller_batches_or_says_why_not(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    tried = list[int]()
    train = text_training.train

    def narrow(model: Any, module: Any, pairs: Any, settings: Settings, *others: Any, **more: Any) -> Any:
        tried.append(settings.batch_size)
        if settings.batch_size > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return train(model, module, pairs, settings, *others, **more)

    monkeypatch.setattr(text_training, "train", narrow)
    named = small_text_model(tmp_path / "text-model", [each for pair in told(3) for each in pair])
    monkeypatch.setattr(text_model, "_epochs", lambda labels: 2)
    report = learnt(tmp_path, named, [*turned(Part.TRAIN), *turned(Part.HELD_OUT)])
    (mine,) = [trial for trial in report["trials"] if trial["name"] == NAME]
    assert ("batches of 2×4" if room else "memory runs out even with a batch of one") in mine["detail"]
    assert list(dict.fromkeys(tried)) == ([8, 4, 2] if room else [8, 4, 2, 1])


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("nowhere", "cannot be loaded"),
        ("classifier", "is no model that writes texts"),
        ("pickled", "cannot be loaded"),
    ],
)
def test_one_that_cannot_be_used_costs_the_round_nothing_and_says_so(given: str, why: str, tmp_path: Path) -> None:
    named = tmp_path / given
    if given == "classifier":
        small_model(named)
    if given == "pickled":
        small_text_model(named, ["some words"])
        (named / "model.safetensors").rename(named / "pytorch_model.bin")
    report = learnt(tmp_path, named, [*turned(Part.TRAIN), *turned(Part.HELD_OUT)])
    assert report["chosen"] == "answer of the nearest text"
    assert any(note.startswith(f"{NAME}: named, but not used: ") and why in note for note in report["notes"]), report[
        "notes"
    ]


def test_without_a_name_nothing_is_tried_or_said(tmp_path: Path) -> None:
    report = learnt(tmp_path, "", [*turned(Part.TRAIN), *turned(Part.HELD_OUT)])
    assert [trial["name"] for trial in report["trials"]] == ["answer of the nearest text"]
    assert not any(NAME in note for note in report["notes"])


def test_one_that_does_not_fit_into_memory_is_not_tried(
    t5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelwheel.training.memory.free", lambda device: 1000)
    report = learnt(tmp_path, t5, [*turned(Part.TRAIN), *turned(Part.HELD_OUT)])
    assert any(f"{NAME}: named, but not used: it takes about" in note for note in report["notes"])


def test_a_text_model_gives_up_where_the_time_is_up(t5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_model, "PLANNED_SHARE", 1e-9)
    report = learnt(tmp_path, t5, [*turned(Part.TRAIN), *turned(Part.HELD_OUT)])
    assert report["chosen"] == "answer of the nearest text"
    assert any(note.startswith(f"{NAME} was given up: one epoch takes about") for note in report["notes"])
