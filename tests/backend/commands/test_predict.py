"""`labelwheel predict` on real checkpoints."""

import json
import sys

import pytest

from labelwheel.backend import cli
from labelwheel.training.checkpoints import checkpoint, plain_folder
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.questions import Kind
from tests.backend import real


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
    assert "1 line could not be answered and has an “error”" in errors
    assert "line 4 of the input is no JSON" in errors
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert ["error" in row for row in found] == [False, False, False, True, False]


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
