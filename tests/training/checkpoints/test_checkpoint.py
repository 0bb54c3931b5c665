"""Checkpoints appear whole or not at all, and one that was touched is never loaded."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast, pipeline

from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import MANIFEST, Manifest
from labelwheel.training.errors import InvalidCheckpoint, InvalidJob, LabelwheelError
from labelwheel.training.questions import Kind, Option, Question

QUESTION = Question(name="mood", kind=Kind.CHOICE, inputs=("text",), options=(Option(value="a"), Option(value="b")))


def manifest(version="v1"):
    return Manifest(
        version=version, question=QUESTION, base_model="tiny", encoder_digest="0", recipe="head", max_length=16,
        label_set="0", label_count=2, seed=1, libraries=checkpoint.libraries(),
    )  # fmt: skip


def tiny_model():
    return BertForSequenceClassification(
        BertConfig(vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    )


def tiny_tokenizer():
    words = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "hello": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]")


@pytest.fixture
def written(tmp_path):
    files = {"report.json": json.dumps({"score": 0.5}), "report.md": "# Mood\n", "result.json": "{}"}
    return checkpoint.write(tmp_path / "v1", tiny_model(), tiny_tokenizer(), manifest(), files)


def test_what_was_written_is_read_again(written):
    found = checkpoint.read(written.folder)
    assert found == written
    assert found.report == {"score": 0.5}
    assert "model.safetensors" in found.manifest.files
    assert found.disk_size == sum(path.stat().st_size for path in written.folder.iterdir())
    assert [path.name for path in written.folder.parent.iterdir()] == ["v1"]


def test_a_version_is_never_used_twice(written):
    with pytest.raises(InvalidJob, match="never used twice"):
        checkpoint.write(written.folder, tiny_model(), None, manifest(), {})
    assert checkpoint.read(written.folder) == written


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / MANIFEST).unlink(), "has no labelwheel.json"),
        (lambda folder: (folder / MANIFEST).write_text("{"), "does not fit its schema"),
        (lambda folder: (folder / MANIFEST).write_bytes(b"\xff\xfe"), "cannot be read"),
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors is missing"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x"), "model.safetensors has changed"),
        (
            lambda folder: (folder / "adapter_config.json").write_text("{}"),
            "adapter_config.json is not in the manifest",
        ),
    ],
)
def test_a_damaged_checkpoint_is_refused_by_name(written, damage, message):
    damage(written.folder)
    with pytest.raises(InvalidCheckpoint, match=message):
        checkpoint.read(written.folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "training_args.bin", "model.PT", "state.pkl", "modeling.py"])
def test_files_that_could_execute_code_are_refused_when_written_too(tmp_path, name):
    with pytest.raises(InvalidCheckpoint, match="could execute code"):
        checkpoint.write(tmp_path / "v1", tiny_model(), None, manifest(), {name: b"x"})
    assert list(tmp_path.iterdir()) == []


def test_configurations_with_code_are_refused_even_if_the_manifest_agrees(tmp_path):
    content = json.dumps({"auto_map": {"AutoTokenizer": ["evil.py", None]}})
    with pytest.raises(InvalidCheckpoint, match="names code of its own"):
        checkpoint.write(tmp_path / "v1", tiny_model(), None, manifest(), {"tokenizer_config.json": content})


def test_links_are_refused(written):
    target = written.folder / "report.md"
    target.unlink()
    target.symlink_to("/etc/hostname")
    with pytest.raises(InvalidCheckpoint, match="is a link"):
        checkpoint.read(written.folder)


def test_reading_without_verification_is_cheap_but_still_checks_presence(written):
    (written.folder / "report.md").write_text("other")
    assert checkpoint.read(written.folder, verify=False).manifest.version == "v1"
    (written.folder / "report.md").unlink()
    with pytest.raises(InvalidCheckpoint, match="missing"):
        checkpoint.read(written.folder, verify=False)


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LabelwheelError, match="the disk is full"):
        checkpoint.write(tmp_path / "v1", tiny_model(), None, manifest(), {})
    assert list(tmp_path.iterdir()) == []


def test_a_failing_write_of_the_weights_leaves_nothing_behind(tmp_path):
    class Failing:
        def save_pretrained(self, folder):
            (Path(folder) / "half").write_bytes(b"x")
            raise RuntimeError("I/O error: No space left on device (os error 28)")

    with pytest.raises(LabelwheelError, match="the disk is full"):
        checkpoint.write(tmp_path / "v1", Failing(), None, manifest(), {})
    assert list(tmp_path.iterdir()) == []


def test_sweep_removes_what_the_dead_left_and_nothing_of_the_living(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = checkpoint._host()
    leftover = tmp_path / f".writing-{host}~{dead.pid}~aa"
    living = tmp_path / f".writing-{host}~{os.getpid()}~bb"
    fresh = tmp_path / ".writing-elsewhere~1~cc"
    stale = tmp_path / ".writing-elsewhere~1~dd"
    for folder in (leftover, living, fresh, stale, tmp_path / "v1"):
        folder.mkdir()
    os.utime(stale, (time.time() - 1e6,) * 2)
    assert checkpoint.sweep(tmp_path) == sorted([leftover, stale])
    assert {path.name for path in tmp_path.iterdir()} == {living.name, fresh.name, "v1"}


def test_an_export_loads_in_a_pipeline_as_it_is(written, tmp_path):
    folder = checkpoint.export(written, tmp_path / "out")
    assert "# Mood" in (folder / "README.md").read_text()
    assert not (folder / "result.json").exists()
    answer = pipeline("text-classification", model=str(folder))("hello")
    assert answer[0]["label"] in {"LABEL_0", "LABEL_1"}
    with pytest.raises(InvalidJob):
        checkpoint.export(written, folder)


def test_an_export_names_no_single_example(written, tmp_path):
    report = {"leakage": {"clean": False, "examples": ["customer-7"]}, "metric": "accuracy"}
    (written.folder / "report.json").write_text(json.dumps(report))
    exported = json.loads((checkpoint.export(written, tmp_path / "out") / "report.json").read_text())
    assert exported == {"leakage": {"clean": False, "examples": []}, "metric": "accuracy"}
