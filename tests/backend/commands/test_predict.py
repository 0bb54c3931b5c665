"""`labelwheel predict` on real checkpoints."""

import json
import shutil
import sys

import numpy as np
import pytest

from labelwheel.backend import cli
from labelwheel.backend.app import create_app
from labelwheel.backend.settings import Settings
from labelwheel.training.checkpoints import checkpoint, plain_folder
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.heads.blend import Counts
from labelwheel.training.heads.linear import LinearHead
from labelwheel.training.heads.standing import Standing
from labelwheel.training.model import Model
from labelwheel.training.questions import Example, Kind
from testkit.wsgi_server import serving
from tests.backend import real
from tests.backend.serving.fakes import FakeEngine
from tests.backend.stage import Stage


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "where is my parcel, it never came"}\n{"text": ""}\n{"text": "my card is blocked"}\n')
    return path


@pytest.fixture
def predict(monkeypatch, capsys):
    """Runs the command as its own process would; exit code, output, errors."""

    def run(source, *arguments):
        monkeypatch.setattr(sys, "argv", ["labelwheel", "predict", str(source), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return run


def test_a_checkpoint_and_its_export_answer_alike(source, tmp_path, predict):
    checkpoint.export(checkpoint.read(real.store() / "n1"), tmp_path / "exported")
    found = []
    for folder in (real.store() / "n1", tmp_path / "exported"):
        out = tmp_path / f"{folder.name}.jsonl"
        code, told, errors = predict(source, "--out", out, "--checkpoint", folder)
        assert (code, "3 lines answered" in told) == (0, True), errors
        found.append([next(iter(json.loads(line)["predictions"].values())) for line in out.read_text().splitlines()])
    for rows in found:
        assert [row["answer"] for row in rows] == ["parcel lost", None, "card blocked"]
    _, told, _ = predict(source, "--out", tmp_path / "n1.jsonl", "--checkpoint", real.store() / "n1")
    assert "0 lines answered, 3 were there already" in told


def test_what_cannot_be_is_one_line(source, tmp_path, predict):
    for arguments, told in (
        (["--out", source, "--checkpoint", real.store() / "n1"], "another file"),
        (["--out", tmp_path / "o", "--checkpoint", tmp_path / "none"], "no checkpoint"),
        (["--out", tmp_path / "o", "--checkpoint", real.store() / "n1", "--checkpoint", real.store() / "n2"], "same"),
    ):
        code, _, errors = predict(source, *arguments)
        assert (code, errors.count("\n")) == (1, 1)
        assert told in errors
    code, _, errors = predict(tmp_path / "none.jsonl", "--out", tmp_path / "o")
    assert (code, "no file" in errors) == (1, True)


def test_a_bad_line_does_not_stop_the_others(source, tmp_path, predict):
    with source.open("a") as file:
        file.write('no JSON\n{"text": "my parcel is lost"}\n')
    out = tmp_path / "out.jsonl"
    code, told, errors = predict(source, "--out", out, "--checkpoint", real.store() / "n1")
    assert (code, errors.count("\n"), "4 lines answered" in told) == (1, 1, True)
    assert "1 line could not be answered in full and has an “error”" in errors
    assert "line 4 of the input is no JSON" in errors
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert ["error" in row for row in found] == [False, False, False, True, False]


def praise():
    """A head that answers that all is praise."""
    bias = np.where(np.array(real.TOPIC.values) == "praise", 99.0, 0.0).astype(np.float32)
    whole, counts = np.zeros((4, 3 * 384), dtype=np.float32), Counts(np.ones(4, dtype=np.int64))
    standing = Standing(real.TOPIC.values, {}, 384)
    return LinearHead("choice", real.TOPIC.values, standing, whole[:3, :384], whole, bias, counts).dump()


@pytest.fixture
def praising(tmp_path, monkeypatch):
    """A service whose champion is n1, in the place of which a newer head answers."""
    stage = Stage(Settings(home=tmp_path / "home"))
    stage.connect("topic")
    shutil.copytree(real.store() / "n1", stage.settings.checkpoints.folder / "n1")
    stage.promote({"topic": "n1"})
    stage.revise("topic", praise())
    monkeypatch.delenv("LABELWHEEL_TOKEN", raising=False)
    monkeypatch.setenv("LABELWHEEL_HOME", str(stage.settings.home))
    with serving(create_app(stage.settings, FakeEngine(), start=False)) as url:
        monkeypatch.setenv("LABELWHEEL_URL", url)
        yield stage
    stage.database.dispose()


def answers(out):
    rows = [json.loads(line)["predictions"] for line in out.read_text().splitlines()]
    return [answer["answer"] for row in rows for answer in row.values()]


def test_what_answers_in_the_champions_place_answers_a_file_too(source, tmp_path, predict, praising):
    alone = ["parcel lost", None, "card blocked"]
    for arguments, expected in (([], ["praise", None, "praise"]), (["--champion"], alone)):
        out = tmp_path / f"{len(arguments)}.jsonl"
        code, told, errors = predict(source, "--out", out, *arguments)
        assert (code, "3 lines answered" in told) == (0, True), errors
        assert answers(out) == expected
    praising.revise("topic", praise(), labels=46)
    code, _, errors = predict(source, "--out", tmp_path / "0.jsonl")
    assert (code, "before the last label" in errors, "--champion" in errors) == (1, True, True), errors
    code, told, _ = predict(source, "--out", tmp_path / "1.jsonl", "--champion")
    assert (code, "3 were there already" in told) == (0, True), "no label changes what the champion says"


def test_an_export_with_its_head_answers_as_people_see_it(source, tmp_path, predict, praising, monkeypatch):
    folder, out = tmp_path / "exported", tmp_path / "out.jsonl"
    monkeypatch.setattr(sys, "argv", ["labelwheel", "export", "--out", str(folder)])
    with pytest.raises(SystemExit):
        cli.main()
    code, _, errors = predict(source, "--out", out, "--checkpoint", folder)
    assert code == 0, errors
    assert answers(out) == ["praise", None, "praise"]
    # and as a Space reads it, which has no engine
    model = Model.load(folder, device="cpu", manifest=plain_folder.manifest(folder, question=real.TOPIC))
    [said] = model.predict(real.TOPIC, [Example(key="1", fields={"text": "my card is blocked"})])
    assert said.answer == "praise"


def config(folder, **values):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(values))
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 128}')
    return folder


@pytest.mark.parametrize(
    ("architecture", "problem", "labels", "kind", "values"),
    [
        ("XForTokenClassification", None, ["O", "B-A b", "I-A b"], Kind.SPANS, ("A b",)),
        ("XForSequenceClassification", None, ["x", "y"], Kind.CHOICE, ("x", "y")),
        ("XForSequenceClassification", "multi_label_classification", ["x", "y"], Kind.CHOICES, ("x", "y")),
        ("XForSequenceClassification", "regression", ["price"], Kind.NUMBER, ()),
    ],
)
def test_a_plain_folder_tells_its_question(tmp_path, architecture, problem, labels, kind, values):
    folder = config(
        tmp_path / "m", architectures=[architecture], problem_type=problem, id2label=dict(enumerate(labels))
    )
    assert plain_folder.is_plain(folder)
    found = plain_folder.manifest(folder, "body")
    assert (found.question.kind, found.question.values, found.question.inputs) == (kind, values, ("body",))
    assert (found.version, found.max_length) == ("m", 128)


@pytest.mark.parametrize("values", [{}, {"architectures": ["XForCausalLM"], "id2label": {"0": "a"}}])
def test_a_folder_that_does_not_classify_is_refused(tmp_path, values):
    with pytest.raises(InvalidCheckpoint, match="no classifier"):
        plain_folder.manifest(config(tmp_path / "m", **values))
