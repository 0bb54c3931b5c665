"""The ONNX graph says what torch says, int8 is shipped only where it does too, and an export has nothing of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers

from labelwheel.training import batches, encoders, job
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.onnx_export import graph, make
from labelwheel.training.onnx_export.equivalence import judge
from labelwheel.training.onnx_export.openvino_session import OpenVinoSession
from labelwheel.training.onnx_export.quantisation import quantise
from labelwheel.training.onnx_export.session import Head, Session
from labelwheel.training.questions import Example, Kind, Option, Prediction, Question
from labelwheel.training.spec import JobSpec, LabelledExample, Part, Recipe
from tests.training.models import choice, rows, tiny_bert

INTENT = choice()
ROWS = [Encoding(place, [101, *range(2000, 2000 + length), 102]) for place, length in enumerate((1, 40, 3, 7, 0))]


def labelled(count: int, question: Question = INTENT) -> list[LabelledExample]:
    values = question.values or (1.5,)
    return [
        LabelledExample(
            example=Example(key=str(place), fields={"text": f"text {place}"}), answer=values[place % len(values)],
            part=Part.HELD_OUT, group=str(place),
        )
        for place in range(count)
    ]  # fmt: skip


def said(given: list[LabelledExample], wrong: int = 0) -> list[Prediction]:
    """What people said, but for the first few."""
    other = {"weather": "music", "music": "food", "food": "weather"}
    return [
        Prediction(answer=other[row.answer] if place < wrong else row.answer, score=0.9)
        for place, row in enumerate(given)
    ]


def verdict(count: int, fp32_wrong: int = 0, int8_wrong: int = 0):
    given = labelled(count)
    return judge(INTENT, kind_of(INTENT), given, said(given, fp32_wrong), said(given, int8_wrong))


def test_int8_is_shipped_where_it_says_the_same():
    found = verdict(100)
    assert (found.holds, found.same, found.share) == (True, 100, 1.0)
    assert "100 of 100" in found.reason
    assert verdict(400, int8_wrong=1).holds


def test_fp32_stays_where_few_examples_could_not_tell():
    found = verdict(99)
    assert not found.holds
    assert "too few" in found.reason


def test_fp32_stays_where_answers_differ():
    found = verdict(200, int8_wrong=3)
    assert not found.holds
    assert "197 of 200" in found.reason


def test_answers_that_differ_count_also_where_int8_is_right():
    assert not verdict(100, fp32_wrong=2).holds


def test_fp32_stays_where_a_score_is_worse():
    found = verdict(1000, int8_wrong=10)
    assert found.share == 0.99
    assert not found.holds
    assert "chance" in found.reason


def test_a_number_is_the_same_within_a_hundredth_of_its_range():
    question = Question(name="n", kind=Kind.NUMBER, inputs=("text",), minimum=0, maximum=10)
    given = labelled(100, question)
    fp32 = [Prediction(answer=1.4, score=0.9)] * 100
    for apart, holds in ((0.09, True), (0.2, False)):
        int8 = [Prediction(answer=1.4 + apart, score=0.9)] * 100
        assert judge(question, kind_of(question), given, fp32, int8).holds is holds


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_bert(tmp_path_factory.mktemp("base")))


def module(kind: str, folder: Path, base: str):
    """A classifier with random weights, the head's included."""
    import torch

    torch.manual_seed(2)
    if kind in ("bert", "tokens"):
        classifier = kind_of(Kind.SPANS if kind == "tokens" else Kind.CHOICE)
        asked = Question(name="q", kind=Kind.SPANS if kind == "tokens" else Kind.CHOICE, inputs=("text",),
                         options=tuple(Option(value=value) for value in "abc"))  # fmt: skip
        made, _ = encoders.load(base, classifier.config(asked), classifier.auto_class)
    else:
        sizes = {"roberta": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4},
                 "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48}}[kind]  # fmt: skip
        name = {"roberta": "Roberta", "distilbert": "DistilBert"}[kind]
        config = getattr(transformers, f"{name}Config")(vocab_size=30522, num_labels=3, **sizes)
        made = getattr(transformers, f"{name}ForSequenceClassification")(config).eval()
    torch.nn.init.normal_(encoders.head(made).weight)
    return made


@pytest.mark.parametrize("kind", ["bert", "tokens", "roberta", "distilbert"])
def test_the_graph_says_what_torch_says(kind: str, tmp_path: Path, base: str):
    made = module(kind, tmp_path, base)
    before = batches.forward(made, ROWS, 0)
    graph.export(made, tmp_path / "graph.onnx")
    after = batches.forward(made, ROWS, 0)
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True)), "the module has changed"
    head, session = Head.of(made), Session(tmp_path / "graph.onnx", 0, threads=1)
    for one, other in zip(before, head(session.features(ROWS)), strict=True):
        assert one.shape == other.shape
        assert np.allclose(one, other, atol=1e-4)
    (tmp_path / "head.safetensors").write_bytes(head.dump())
    again = Head.load(tmp_path / "head.safetensors")
    assert np.array_equal(again.weight, head.weight)


def test_one_encoder_has_one_graph_whatever_its_head(tmp_path: Path, base: str):
    for name, values in (("one", ("a", "b")), ("two", ("c", "d", "e"))):
        made, _ = encoders.load(base, kind_of(Kind.CHOICE).config(choice(*values)))
        graph.export(made, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def words(base: str) -> Any:
    return transformers.AutoTokenizer.from_pretrained(base)


def test_one_encoder_has_one_int8_graph(tmp_path: Path, base: str):
    graph.export(module("bert", tmp_path, base), tmp_path / "fp32.onnx")
    for name in ("one", "two"):
        quantise(tmp_path / "fp32.onnx", tmp_path / name, words(base))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_two_products_of_int8_never_leave_sixteen_bits(tmp_path: Path, base: str):
    """A CPU without VNNI adds them in sixteen, and would answer something else than it was measured with elsewhere."""
    import onnx
    from onnx import numpy_helper

    graph.export(module("bert", tmp_path, base), tmp_path / "fp32.onnx")
    quantise(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", words(base))
    stored = onnx.load(str(tmp_path / "int8.onnx")).graph.initializer
    matrices = [numpy_helper.to_array(each).astype(int) for each in stored if each.name.endswith("_weight")]
    assert len(matrices) == 12
    for matrix in matrices:
        pairs = matrix.reshape(-1, 2, matrix.shape[1])
        for sign in (1, -1):
            assert 255 * np.maximum(sign * pairs, 0).sum(1).max() <= 32_767
        assert np.abs(matrix).max() > 63, "no more than that is given up"


def test_a_channel_much_stronger_than_the_others_does_not_cost_their_precision(tmp_path: Path, base: str):
    import onnx
    from onnx import helper, numpy_helper

    chance = np.random.default_rng(5)
    table, matrix = (chance.normal(size=size).astype(np.float32) for size in ((30522, 64), (64, 32)))
    table[:, 7] *= 200
    matrix[7] /= 200
    nodes = [
        helper.make_node("Gather", ["table", graph.IDS], ["values"]),
        helper.make_node("MatMul", ["values", "matrix"], [graph.FEATURES]),
        helper.make_node("Identity", [graph.MASK], ["unused"]),
    ]
    sides = [
        helper.make_tensor_value_info(name, onnx.TensorProto.INT64, ["rows", "tokens"])
        for name in (graph.IDS, graph.MASK)
    ]
    out = helper.make_tensor_value_info(graph.FEATURES, onnx.TensorProto.FLOAT, ["rows", "tokens", 32])
    made = helper.make_graph(
        nodes, "g", sides, [out], [numpy_helper.from_array(table, "table"), numpy_helper.from_array(matrix, "matrix")]
    )
    onnx.save(
        helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(tmp_path / "fp32.onnx")
    )
    assert quantise(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", words(base)) == 1
    fp32, int8 = (Session(tmp_path / f"{name}.onnx", 0, 1).features(ROWS) for name in ("fp32", "int8"))
    apart = np.concatenate(int8) - np.concatenate(fp32)
    assert np.linalg.norm(apart) < 0.02 * np.linalg.norm(np.concatenate(fp32))


def test_int8_is_near_and_the_same_alone_and_in_any_batch(tmp_path: Path, base: str):
    made = module("bert", tmp_path, base)
    graph.export(made, tmp_path / "fp32.onnx")
    assert quantise(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", words(base)) == 12
    fp32, int8 = (Session(tmp_path / f"{name}.onnx", 0, threads=1) for name in ("fp32", "int8"))
    for row, near, together in zip(ROWS, fp32.features(ROWS), int8.features(ROWS), strict=True):
        [alone] = int8.features([row])
        assert np.array_equal(alone, together)
        assert not np.array_equal(near, together)
        assert np.dot(near, together) > 0.99 * np.linalg.norm(near) * np.linalg.norm(together)


def test_what_is_no_graph_or_head_is_refused(tmp_path: Path):
    (tmp_path / "bad").write_bytes(b"nothing of the kind")
    with pytest.raises(InvalidCheckpoint, match="roll back"):
        Session(tmp_path / "bad", 0)
    with pytest.raises(InvalidCheckpoint, match="roll back"):
        Head.load(tmp_path / "bad")


def run(folder: Path, base: str, **fields: object) -> checkpoint.Checkpoint:
    given = [*rows(9), *rows(9, Part.HELD_OUT)]
    (folder / "data.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in given), "utf-8")
    spec = JobSpec(
        version="v1", question=INTENT, data=str(folder / "data.jsonl"), output=str(folder / "v1"), base_model=base,
        device="cpu", threads=1, recipe=Recipe.NAMES, **fields,
    )  # fmt: skip
    job.execute(spec, given)
    return checkpoint.read(folder / "v1")


def test_a_job_leaves_an_artefact_that_is_hashed_reported_and_not_exported(tmp_path: Path, base: str):
    found = run(tmp_path, base)
    entry = found.manifest.artefact
    assert entry is not None
    assert {entry.graph, entry.head} <= found.manifest.files.keys()
    told = found.report["artefact"]
    assert told["precision"] == entry.precision
    assert told["examples"] == 108
    assert f"ONNX graph in **{entry.precision}**" in (found.folder / checkpoint.CARD).read_text("utf-8")
    exported = checkpoint.export(found, tmp_path / "export")
    assert not (exported / "onnx").exists()
    (found.folder / entry.graph).write_bytes(b"changed")
    with pytest.raises(InvalidCheckpoint, match="changed"):
        checkpoint.read(found.folder)


def test_a_job_says_how_long_texts_are_and_whether_openvino_answers_alike(tmp_path: Path, base: str):
    found = run(tmp_path, base)
    entry, told = found.manifest.artefact, found.report["artefact"]
    assert entry is not None
    assert len(entry.lengths) == 5
    assert list(entry.lengths) == sorted(entry.lengths)
    assert 1 < entry.lengths[0] <= entry.lengths[-1] <= found.manifest.max_length
    ((arithmetic, judged),) = told["others"].items()
    assert arithmetic.startswith("openvino")
    assert judged["examples"] == told["examples"]
    assert entry.alike == ((arithmetic,) if judged["holds"] else ())
    assert f"in {arithmetic}: {judged['reason']}" in (found.folder / checkpoint.CARD).read_text("utf-8")


def test_other_arithmetic_is_held_to_what_fp32_answers(tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch):
    def noise(self: OpenVinoSession, encodings: list[Encoding], layered: bool = False) -> list[np.ndarray]:
        return [np.random.default_rng(row.example).normal(size=32).astype(np.float32) for row in encodings]

    monkeypatch.setattr(OpenVinoSession, "features", noise)
    found = run(tmp_path, base)
    assert found.manifest.artefact is not None
    assert found.manifest.artefact.alike == ()
    ((_, judged),) = found.report["artefact"]["others"].items()
    assert not judged["holds"]
    assert "99% are needed" in judged["reason"]


@pytest.mark.parametrize("trouble", ["missing", "fails", "not asked for"])
def test_without_openvino_or_where_it_fails_the_artefact_is_the_same(
    tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch, trouble: str
):
    def fail(*_: object) -> None:
        raise InvalidCheckpoint("no such operator")

    monkeypatch.setattr(make.openvino_session, "installed", lambda: trouble != "missing")
    if trouble == "fails":
        monkeypatch.setattr(OpenVinoSession, "__init__", fail)
    found = run(tmp_path, base, compared=trouble != "not asked for")
    assert found.manifest.artefact is not None
    assert found.manifest.artefact.alike == ()
    assert found.report["artefact"]["others"] == {}


def test_a_job_without_one(tmp_path: Path, base: str):
    found = run(tmp_path, base, artefact=False)
    assert found.manifest.artefact is None
    assert found.report["artefact"] == {}
    assert not (found.folder / "onnx").exists()


@pytest.mark.parametrize("trouble", ["raises", "answers something else"])
def test_what_cannot_be_exported_is_served_by_torch(
    trouble: str, tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise RuntimeError("no such operator\nand more")

    if trouble == "raises":
        monkeypatch.setattr(make.graph, "export", fail)
    else:
        monkeypatch.setattr(Head, "__call__", lambda self, features: [np.zeros(3, dtype=np.float32)] * len(features))
    found = run(tmp_path, base)
    assert found.manifest.artefact is None
    assert found.report["artefact"]["precision"] is None
    assert "with torch" in (found.folder / checkpoint.CARD).read_text("utf-8")
    assert json.loads(json.dumps(found.report)) == found.report
