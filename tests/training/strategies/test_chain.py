"""The chain: a round that takes seconds, and a checkpoint that answers as it was measured, in memory and from disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import pipeline

from labelwheel.training import layers
from labelwheel.training.checkpoints import checkpoint, layered_head, plain_folder
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.heads import files
from labelwheel.training.kinds import kind_of
from labelwheel.training.model import Model
from labelwheel.training.spec import JobResult, LabelledExample, Part
from labelwheel.training.strategies import chain
from labelwheel.training.strategies.finetuning import FineTuned
from tests.training.chains import CITIES, PLACES, UNSEEN, labelled, made, store, without_a_rule


def losses(model: Model, rows: list[LabelledExample]) -> dict[str, float]:
    said = model.predict(PLACES, [row.example for row in rows])
    kind = kind_of(PLACES)
    return {
        row.example.key: kind.score(PLACES, row.example, row.answer, one).loss
        for row, one in zip(rows, said, strict=True)
    }


def result(folder: Path) -> JobResult:
    return JobResult.model_validate_json((folder / "result.json").read_bytes())


def test_the_first_round_of_spans_is_the_chains_alone() -> None:
    found = checkpoint.read(store() / "c1")
    assert (found.manifest.recipe, found.manifest.head) == ("chain", layered_head.FILE)
    assert layered_head.FILE in found.manifest.files
    tried = [trial["name"] for trial in found.report["trials"]]
    assert tried == [chain.Chain.name, "regression on the frozen encoder"]
    assert found.manifest.settings["learnt_from"] == 36


def test_it_answers_new_texts_as_it_was_measured() -> None:
    held = labelled(16, Part.HELD_OUT, UNSEEN)
    measured = {pair.key: pair.challenger_loss for pair in result(store() / "c1").pairs if pair.held_out}
    again = losses(Model.load(store() / "c1", "cpu"), held)
    assert again == pytest.approx(measured)
    assert np.mean(list(again.values())) < 0.3


def test_its_scores_are_those_of_texts_that_it_has_not_learnt_from(tmp_path: Path) -> None:
    """Marks that follow no rule are learnt by heart, and nothing of that may be in what is told of them."""
    (tmp_path / "job").mkdir()
    folder = made(tmp_path / "job", without_a_rule(32), artefact=False)
    own = [trial["score"] for trial in checkpoint.read(folder).report["trials"] if trial["name"] == chain.Chain.name]
    assert own[0] < 0.4


def test_later_rounds_fine_tune_too_and_compare_with_what_its_head_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "job").mkdir()
    begun = []

    def run(self: FineTuned, *arguments: Any) -> Any:
        begun.append(self.name)
        raise TimeoutError("no time in tests")

    monkeypatch.setattr(FineTuned, "run", run)
    champion, held = store() / "c1", labelled(16, Part.HELD_OUT, UNSEEN)
    rows = [*labelled(40, cities=CITIES[:5]), *held]
    folder = made(tmp_path / "job", rows, version="c2", champion=str(champion), artefact=False)
    assert begun == ["fine-tuned from the base model"]
    theirs = {pair.key: pair.champion_loss for pair in result(folder).pairs if pair.held_out}
    assert theirs == pytest.approx(losses(Model.load(champion, "cpu"), held))


def test_many_texts_are_fine_tuned_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "job").mkdir()
    monkeypatch.setattr(chain, "FIRST", 30)
    begun = []
    monkeypatch.setattr(FineTuned, "step_seconds", lambda self: begun.append(self.name) or 1e9)
    made(tmp_path / "job", labelled(36), artefact=False)
    assert begun == ["fine-tuned from the base model"]


def test_where_layers_cannot_be_read_the_others_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "job").mkdir()
    monkeypatch.setattr(layers, "behind", lambda module: None)
    monkeypatch.setattr(FineTuned, "step_seconds", lambda self: 1e9)
    found = checkpoint.read(made(tmp_path / "job", labelled(36), artefact=False))
    assert (found.manifest.recipe, found.manifest.head) == ("frozen", None)
    assert any("keeps its layers to itself" in note for note in found.report["notes"])


def test_an_export_has_the_head_and_says_what_reads_it(tmp_path: Path) -> None:
    folder = checkpoint.export(checkpoint.read(store() / "c1"), tmp_path / "exported")
    assert layered_head.NOTE in (folder / "README.md").read_text("utf-8")
    about = plain_folder.manifest(folder)
    assert about.head == layered_head.FILE
    asked = [row.example for row in labelled(8, cities=UNSEEN)]
    again = Model.load(folder, "cpu", manifest=about).predict(PLACES, asked)
    assert again == Model.load(store() / "c1", "cpu").predict(PLACES, asked)
    plain = pipeline("token-classification", str(folder), device="cpu")
    assert isinstance(plain("they moved to Oslo"), list)


def copied(folder: Path, content: bytes | None, hashed: bool) -> Path:
    """The checkpoint with other bytes for its head; `hashed` as if it had been written so."""
    shutil.copytree(store() / "c1", folder)
    head = folder / layered_head.FILE
    head.unlink() if content is None else head.write_bytes(content)
    if hashed:
        manifest = json.loads((folder / checkpoint.MANIFEST).read_text("utf-8"))
        if content is None:
            del manifest["files"][layered_head.FILE]
        else:
            manifest["files"][layered_head.FILE] = checkpoint._sha256(head)
        (folder / checkpoint.MANIFEST).write_text(json.dumps(manifest), "utf-8")
    return folder


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("content", [None, b"", b"\x00" * 100, b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_damaged_head_is_refused_by_name(tmp_path: Path, content: bytes | None, hashed: bool) -> None:
    folder = copied(tmp_path / "c1", content, hashed)
    with pytest.raises(InvalidCheckpoint, match=rf"{layered_head.FILE}.*roll back"):
        Model.load(folder, "cpu")


def test_a_head_of_another_shape_is_refused(tmp_path: Path) -> None:
    tensors, about = files.unpack((store() / "c1" / layered_head.FILE).read_bytes())
    name = about.pop("head")
    broken = files.pack(name, {**tensors, "moves": tensors["moves"][:-1]}, about)
    with pytest.raises(InvalidCheckpoint, match=r"do not fit each other.*roll back"):
        Model.load(copied(tmp_path / "c1", broken, True), "cpu")
