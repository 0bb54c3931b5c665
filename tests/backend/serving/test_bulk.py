"""A file in, a file out: one line for each, in order, whatever happened to an earlier run."""

import json
import re

import pytest

from labelwheel.backend.errors import Conflict
from labelwheel.backend.serving import bulk
from labelwheel.backend.serving.predictor import ServedQuestion
from labelwheel.training.questions import Kind, Option, Prediction
from tests.backend.serving.fakes import FakeEngine, FakeModel, question


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(bulk, "LINES", 4)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"id": number, "text": f"text {number}"}) + "\n" for number in range(21)))
    return path


@pytest.fixture
def target(tmp_path):
    return tmp_path / "out.jsonl"


def run(source, target, version="v7", engine=None, **more):
    engine = engine or FakeEngine()
    made = bulk.Bulk(engine, {"mood": ServedQuestion(question(), FakeModel(version, question(), engine))}, **more)
    try:
        return made.run(source, target)
    finally:
        made.close()


def rows(target):
    return [json.loads(line) for line in target.read_text("utf-8").splitlines()]


def test_each_line_is_answered_in_order(source, target):
    told = []
    assert run(source, target, count=lambda size, lines: told.append((size, lines))) == (0, 21)
    found = rows(target)
    assert [row["key"] for row in found] == [str(number) for number in range(21)]
    assert found[0]["versions"] == {"mood": "v7"}
    assert found[0]["predictions"]["mood"] == {"answer": "good", "score": 0.0007, "item_scores": []}
    assert sum(size for size, _ in told) == source.stat().st_size
    assert sum(lines for _, lines in told) == 21


@pytest.mark.parametrize("cut", [0, 1, 30, 500, -1, -10])
def test_a_run_that_was_cut_off_is_continued(source, target, cut):
    run(source, target)
    whole = target.read_bytes()
    target.write_bytes(whole[:cut])
    left = whole[:cut].count(b"\n")
    engine = FakeEngine()
    assert run(source, target, engine=engine) == (left, 21 - left)
    assert target.read_bytes() == whole
    assert sum(size for _, size in engine.batches) == 21 - left
    assert run(source, target) == (21, 0)
    assert target.read_bytes() == whole


def test_more_lines_are_added(source, target):
    run(source, target)
    with source.open("a") as file:
        file.write('\n{"id": "new", "text": "more"}\n')
    assert run(source, target) == (21, 1)
    assert rows(target)[-1]["key"] == "new"


def test_another_models_answers_are_not_mixed_in(source, target):
    run(source, target)
    before = target.read_bytes()
    with pytest.raises(Conflict, match="another model"):
        run(source, target, "v8")
    assert target.read_bytes() == before


def test_another_inputs_answers_are_not_mixed_in(source, target):
    run(source, target)
    source.write_text('{"id": "x", "text": "a"}\n' * 30)
    with pytest.raises(Conflict, match="another input"):
        run(source, target)
    source.write_text('{"id": 0, "text": "a"}\n')
    with pytest.raises(Conflict, match="another input"):
        run(source, target)


@pytest.mark.parametrize("content", ["precious notes", "precious\nnotes\n", "1\n"])
def test_what_is_no_output_of_ours_stays(source, target, content):
    target.write_text(content)
    with pytest.raises(Conflict):
        run(source, target)
    assert target.read_text() == content


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "line 6 .* no JSON"),
        ("[1]", "line 6 .* no JSON object"),
        ('{"title": "x"}', "line 6 .*'title'.*'text'"),
        ('{"text": 7}', "line 6 .* no text at all"),
    ],
)
def test_a_bad_line_is_named_in_its_place_and_the_others_are_answered(source, target, line, told):
    lines = source.read_text().splitlines()
    source.write_text("\n".join([*lines[:4], "", line, *lines[5:]]) + "\n")
    engine = FakeEngine()
    made = bulk.Bulk(engine, {"mood": ServedQuestion(question(), FakeModel("v7", question(), engine))})
    assert made.run(source, target) == (0, 21)
    made.close()
    assert made.failures.count == 1
    assert re.search(told, made.failures.first)
    found = rows(target)
    assert [number for number, row in enumerate(found) if "predictions" not in row] == [4]
    assert re.search(told, found[4]["error"])
    assert (found[4]["key"], found[5]["key"]) == ("6", "5")
    assert run(source, target) == (21, 0)


def test_a_line_that_lacks_the_field_of_one_question_is_answered_to_the_others(source, target):
    lines = [{"text": "a", "title": "b"}, {"text": "c"}, {"title": "d"}, {"other": "e"}]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    engine = FakeEngine()
    asked = [question(name="mood"), question(name="theme", inputs=("title",))]
    members = {each.name: ServedQuestion(each, FakeModel("v7", each, engine)) for each in asked}
    made = bulk.Bulk(engine, members)
    assert made.run(source, target) == (0, 4)
    found = rows(target)
    assert [sorted(row.get("predictions", ())) for row in found] == [["mood", "theme"], ["mood"], ["theme"], []]
    assert ["error" in row for row in found] == [False, True, True, True]
    assert re.search("line 2 .*'theme' is asked about 'title'", found[1]["error"])
    assert (made.failures.count, made.failures.first) == (3, found[1]["error"])
    assert made.run(source, target) == (4, 0)
    made.close()


def test_a_run_that_was_cut_off_behind_a_bad_line_is_continued(source, target):
    lines = source.read_text().splitlines()
    source.write_text("\n".join([*lines[:7], "{", *lines[8:]]) + "\n")
    run(source, target)
    whole = target.read_bytes()
    target.write_bytes(b"".join(whole.splitlines(keepends=True)[:8]))
    assert run(source, target) == (8, 13)
    assert target.read_bytes() == whole


def test_tasks_and_examples_are_read_too(source, target):
    source.write_text(
        '{"id": 5, "data": {"text": "a", "n": 1}}\n{"key": "k", "fields": {"text": "b"}}\n{"text": "c"}\n'
    )
    run(source, target)
    assert [row["key"] for row in rows(target)] == ["5", "k", "3"]


def test_spans_of_low_score_are_hidden_as_they_are_in_the_labelling_tool(source, target):
    asked = question(name="who", kind=Kind.SPANS, options=(Option(value="PER"),))
    spans = [{"start": 0, "end": 4, "label": "PER"}, {"start": 5, "end": 6, "label": "PER"}]

    class Unsure(FakeModel):
        def decode(self, asked, examples, encodings, logits):
            return [Prediction(answer=spans, score=0.1, item_scores=(0.84, 0.18)) for _ in examples]

    engine = FakeEngine()
    made = bulk.Bulk(engine, {"who": ServedQuestion(asked, Unsure("v7", asked, engine))}, shown_from={"spans": 0.25})
    try:
        made.run(source, target)
    finally:
        made.close()
    told = {"answer": spans[:1], "score": 0.1, "item_scores": [0.84]}
    assert all(row["predictions"]["who"] == told for row in rows(target))
