from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from labelwheel.training import encoders, job
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.errors import InvalidJob
from labelwheel.training.model import Model
from labelwheel.training.questions import Kind, Question
from labelwheel.training.spec import JobResult, JobSpec, LabelledExample, Part, Recipe
from labelwheel.training.strategies import chain
from tests.training.models import ANSWERED, choice, example, rows, tiny_bert


def write(
    folder: Path, labelled: Sequence[LabelledExample], question: Question | None = None, **fields: object
) -> Path:
    data = folder / "labels.jsonl"
    data.write_text("".join(row.model_dump_json() + "\n" for row in labelled), "utf-8")
    settings = {"version": "v1", "question": question or choice(), "data": str(data), "output": str(folder / "v1")}
    quick = {"device": "cpu", "threads": 1, "artefact": False, "fine_tuning": False}
    spec = JobSpec(**{**settings, **quick, **fields})  # type: ignore[arg-type]
    path = folder / f"{spec.version}.json"
    path.write_text(spec.model_dump_json(), "utf-8")
    return path


def start(spec: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "labelwheel.training.job", str(spec)],
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


def refused(spec: Path) -> dict[str, str]:
    process = start(spec)
    _, log = process.communicate(timeout=300)
    assert process.returncode == job.REFUSED, log
    return json.loads(log.strip().splitlines()[-1])


def test_spans_are_learnt_from_without_the_white_space_around_them(tmp_path: Path) -> None:
    question = Question.model_validate(
        {"name": "q", "kind": Kind.SPANS, "inputs": ["text"], "options": [{"value": "a"}]}
    )
    marked = [{"start": 4, "end": 10, "label": "a"}, {"start": 5, "end": 9, "label": "a"}]
    row = LabelledExample(example=example("hear jazz now"), answer=marked, part=Part.TRAIN, group="g")
    spec = job.read_spec(write(tmp_path, [row], question))
    read = job.read_rows(Path(spec.data), spec.question)
    assert [each.answer for each in read] == [[{"start": 5, "end": 9, "label": "a"}]]


@pytest.mark.parametrize("hidden", [0.0, 1.0])
def test_what_is_hidden_is_not_measured(tmp_path: Path, base: str, hidden: float) -> None:
    question = Question.model_validate(
        {"name": "q", "kind": Kind.SPANS, "inputs": ["text"], "options": [{"value": "a"}]}
    )
    answer = [{"start": 0, "end": 4, "label": "a"}]
    given = [row.model_copy(update={"answer": answer}) for row in (*rows(1), *rows(1, Part.HELD_OUT))]
    assert job.main([str(write(tmp_path, given, question, base_model=base, hide_below=hidden))]) == 0
    result = JobResult.model_validate_json((tmp_path / "v1" / "result.json").read_bytes())
    suggested = sum(
        unit.true_positives + unit.false_positives for pair in result.pairs for unit in pair.challenger.values()
    )
    assert (suggested == 0) is (hidden == 1.0)
    assert checkpoint.read(tmp_path / "v1").manifest.settings["hide_below"] == hidden
    told = result.report["hidden"]
    assert told["suggestions"] > 0
    assert told == {"below": hidden, "suggestions": told["suggestions"], "hidden": told["suggestions"] * int(hidden)}


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A job that runs inside of the tests neither slows them down nor keeps their signals."""
    monkeypatch.setattr(os, "setpriority", lambda *arguments: None)
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_bert(tmp_path_factory.mktemp("base")))


def test_what_is_imported_is_looked_through_for_garbage_no_more(tmp_path: Path, base: str) -> None:
    gc.unfreeze()
    assert job.main([str(write(tmp_path, [], base_model=base, recipe=Recipe.NAMES))]) == 0
    assert gc.get_freeze_count() > 100_000


def test_a_job_leaves_a_whole_checkpoint_that_learnt_something(tmp_path: Path) -> None:
    held_out = rows(1, Part.HELD_OUT)
    spec = write(tmp_path, rows(1) + held_out, fine_tuning=True)
    process = start(spec)
    _, log = process.communicate(timeout=550)
    assert process.returncode == 0, log
    assert checkpoint.read(tmp_path / "v1").manifest.recipe in ("frozen", "finetuned")
    result = JobResult.model_validate_json((tmp_path / "v1" / "result.json").read_bytes())
    assert sum(pair.held_out for pair in result.pairs) == 12
    assert result.cross_validated  # 12 are no honest comparison
    assert len(result.pairs) == 24
    model = Model.load(tmp_path / "v1", device="cpu")
    right = [
        one.answer == row.answer
        for one, row in zip(model.predict(choice(), [row.example for row in held_out]), held_out, strict=True)
    ]
    assert sum(right) >= 11
    assert not list(tmp_path.glob(".writing*"))


def test_names_alone_make_a_checkpoint_that_an_ordinary_pipeline_reads(tmp_path: Path) -> None:
    from transformers import pipeline

    assert job.main([str(write(tmp_path, [], recipe=Recipe.NAMES))]) == 0
    found = pipeline("text-classification", str(tmp_path / "v1"))("will it rain tomorrow")[0]
    assert found["label"] == "weather"
    manifest = checkpoint.read(tmp_path / "v1").manifest
    assert (manifest.recipe, manifest.label_count, manifest.parent) == ("names", 0, None)


@pytest.mark.parametrize(
    ("kind", "answers", "fields"),
    ANSWERED,
)
def test_every_kind_of_question_is_learnt(
    tmp_path: Path,
    base: str,
    kind: Kind,
    answers: list[object],
    fields: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chain, "FIRST", 0)  # else the first round of spans leaves fine-tuning to the next one
    question = Question.model_validate({"name": "q", "kind": kind, "inputs": ["text"], **fields})
    given = dict(zip(("weather", "music", "food"), answers, strict=True))
    labelled = [
        row.model_copy(
            update={
                "answer": given[row.answer],
                "example": row.example.model_copy(
                    update={"fields": {**row.example.fields, "other": "left" if row.answer == "music" else "nothing"}}
                ),
            }
        )
        for row in rows(3) + rows(1, Part.HELD_OUT)
    ]
    assert job.main([str(write(tmp_path, labelled, question, base_model=base, fine_tuning=True))]) == 0
    result = JobResult.model_validate_json((tmp_path / "v1" / "result.json").read_bytes())
    assert {trial["name"] for trial in result.report["trials"]} >= {"fine-tuned from the base model"}  # type: ignore[attr-defined]
    model = Model.load(tmp_path / "v1", device="cpu")
    examples = [row.example for row in labelled]
    for one, prediction in zip(examples, model.predict(question, examples), strict=True):
        assert 0 <= prediction.score <= 1
        assert question.check(prediction.answer, one) == prediction.answer


def test_spans_that_cannot_be_learnt_are_counted_in_the_report(tmp_path: Path, base: str) -> None:
    question = Question.model_validate(
        {"name": "q", "kind": Kind.SPANS, "inputs": ["text"], "options": [{"value": "a"}]}
    )
    labelled = []
    for number, row in enumerate(rows(1)):
        words = row.example.fields["text"].split()
        spans = [{"start": 0, "end": len(words[0]), "label": "a"}]
        if number == 0:
            spans.append({"start": 0, "end": len(f"{words[0]} {words[1]}"), "label": "a"})
        labelled.append(row.model_copy(update={"answer": spans}))
    assert job.main([str(write(tmp_path, labelled, question, base_model=base))]) == 0
    result = JobResult.model_validate_json((tmp_path / "v1" / "result.json").read_bytes())
    notes = str(result.report["notes"])
    assert f"1 of {len(labelled) + 1} labelled spans" in notes, notes


def test_champion_and_challenger_are_paired_on_what_neither_has_learnt(tmp_path: Path, base: str) -> None:
    old, new, held_out = rows(2, fresh=False), rows(3)[24:], rows(2, Part.HELD_OUT)
    assert job.main([str(write(tmp_path, rows(2), base_model=base))]) == 0
    spec = write(
        tmp_path, [*old, *new, *held_out], base_model=base, version="v2", output=str(tmp_path / "v2"),
        champion=str(tmp_path / "v1"),
    )  # fmt: skip
    assert job.main([str(spec)]) == 0
    result = JobResult.model_validate_json((tmp_path / "v2" / "result.json").read_bytes())
    unseen = {row.example.key for row in [*new, *held_out]}
    assert {pair.key for pair in result.pairs} <= unseen
    assert sum(pair.held_out for pair in result.pairs) == len(held_out)
    assert all(pair.champion_loss is not None for pair in result.pairs)
    assert checkpoint.read(tmp_path / "v2").manifest.parent == "v1"


def test_a_broken_champion_does_not_keep_a_better_one_from_being_trained(tmp_path: Path, base: str) -> None:
    (tmp_path / "v0").mkdir()
    spec = write(tmp_path, rows(1) + rows(1, Part.HELD_OUT), base_model=base, champion=str(tmp_path / "v0"))
    assert job.main([str(spec)]) == 0
    result = JobResult.model_validate_json((tmp_path / "v1" / "result.json").read_bytes())
    assert all(pair.champion_loss is None for pair in result.pairs)


def test_labels_of_one_class_or_two_are_enough_to_begin_with(tmp_path: Path) -> None:
    assert job.main([str(write(tmp_path, rows(1)[:1]))]) == 0
    found = Model.load(tmp_path / "v1", device="cpu").predict(choice(), [example("book a table"), example("rain?")])
    assert [one.answer for one in found] == ["food", "weather"]  # what has no label yet is still known by its name


def test_a_bad_row_is_refused_with_its_line(tmp_path: Path) -> None:
    good = rows(1)[0]
    read = job.read_spec(write(tmp_path, [good]))
    for line in ("{", '{"example": 1}', good.model_copy(update={"answer": "sports"}).model_dump_json(), "\ud800"):
        with (tmp_path / "labels.jsonl").open("w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(good.model_dump_json() + "\n" + line + "\n")
        with pytest.raises(InvalidJob, match="line 2: "):
            job.read_rows(tmp_path / "labels.jsonl", read.question)
    write(tmp_path, [good, good])
    with pytest.raises(InvalidJob, match="stands on line 1 already"):
        job.read_rows(tmp_path / "labels.jsonl", read.question)


def test_what_cannot_be_done_is_said_in_one_line_of_json(tmp_path: Path) -> None:
    rating = Question(name="stars", kind=Kind.RATING, inputs=("text",), minimum=1, maximum=5)
    error = refused(write(tmp_path, [], rating))
    assert error["error"] == "TooFewLabels"
    assert "stars" in error["message"]
    assert refused(tmp_path / "nowhere.json")["error"] == "InvalidJob"
    assert not (tmp_path / "v1").exists()


def test_names_are_not_enough_for_what_has_none(tmp_path: Path) -> None:
    pair = Question(name="better", kind=Kind.PAIRWISE, inputs=("a", "b"))
    assert refused(write(tmp_path, [], pair, recipe=Recipe.NAMES))["error"] == "TooFewLabels"


def test_a_cancelled_job_ends_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    process = start(write(tmp_path, rows(12), fine_tuning=True))
    assert process.stderr is not None
    for line in process.stderr:
        if "Trying: encoder tuned" in line:
            break
    process.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode == job.CANCELLED
    assert time.monotonic() - begin < 30
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.jsonl", "v1.json"]


def asked(folder: Path, kind: Kind, wrong: bool = False, **fields: object) -> Path:
    """A question with a folder of its own, over the same texts as the others."""
    folder.mkdir(parents=True)
    given = [*rows(2), *rows(2, Part.HELD_OUT)]
    question = choice()
    if kind is Kind.SPANS:
        question = Question.model_validate(
            {"name": "words", "kind": kind, "inputs": ["text"], "options": [{"value": "a"}]}
        )
        given = [row.model_copy(update={"answer": [{"start": 0, "end": 4, "label": "a"}]}) for row in given]
    elif kind is Kind.CHOICES:
        question = question.model_copy(update={"name": "several", "kind": kind})
        given = [row.model_copy(update={"answer": [row.answer]}) for row in given]
    return write(folder, [] if wrong else given, question, **fields)


def weights(folder: Path) -> dict[str, bytes]:
    """All that answers: weights, settings of the tokenizer, calibration."""
    manifest = checkpoint.read(folder).manifest
    found = {"calibration": repr(manifest.calibration).encode(), "recipe": manifest.recipe.encode()}
    names = ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json")
    return found | {name: (folder / name).read_bytes() for name in names}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["tiny", "embedded"])
def test_a_question_learns_the_same_in_company(tmp_path: Path, base: str, model: str) -> None:
    kinds = (Kind.CHOICE, Kind.SPANS, Kind.CHOICES)
    tiny = model == "tiny"
    wish: dict[str, object] = {"base_model": base} if tiny else {"recipe": Recipe.NAMES}
    together = [asked(tmp_path / "together" / kind, kind, **wish) for kind in kinds if tiny or kind is not Kind.SPANS]
    alone = [asked(tmp_path / "alone" / kind, kind, **wish) for kind in kinds if tiny or kind is not Kind.SPANS]
    assert job.main([str(each) for each in together[::-1]]) == 0
    for path in alone:
        assert job.main([str(path)]) == 0
    for one, other in zip(together, alone, strict=True):
        assert weights(one.parent / "v1") == weights(other.parent / "v1"), one.parent.name
    assert not list((tmp_path / "together").rglob(job.FAILED))


def test_the_texts_of_a_job_are_embedded_once(tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[tuple[str, int]] = []
    real = encoders.features

    def counting(model: object, encodings: Sequence[object], *more: object) -> object:
        passes.append((encoders.digest(model), len(encodings)))
        return real(model, encodings, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(encoders, "features", counting)
    first = asked(tmp_path / "first", Kind.CHOICE, base_model=base)
    second = asked(tmp_path / "second", Kind.CHOICES, base_model=base)
    assert job.main([str(first), str(second)]) == 0
    # what is held out reads like what is learnt from; the names of each question are its own
    frozen = encoders.digest(encoders.load(base, {"num_labels": 2})[0])
    assert passes.count((frozen, 24)) == 1, "both questions learn from the same texts"


def test_one_that_fails_does_not_stop_the_next(tmp_path: Path, base: str) -> None:
    good = [asked(tmp_path / str(number), Kind.CHOICE, base_model=base) for number in (1, 4)]
    number = Question(name="stars", kind=Kind.RATING, inputs=("text",), minimum=1, maximum=5)
    (tmp_path / "2").mkdir()
    short = write(tmp_path / "2", [], number, base_model=base)
    (tmp_path / "1" / job.FAILED).write_text("of an earlier try")
    nowhere = tmp_path / "3" / "v1.json"
    assert job.main([str(each) for each in (good[0], short, nowhere, good[1])]) == job.REFUSED
    assert [checkpoint.read(each.parent / "v1").manifest.version for each in good] == ["v1", "v1"]
    assert not [each for each in good if each.with_name(job.FAILED).exists()]
    said = json.loads(short.with_name(job.FAILED).read_bytes())
    assert (said["error"], "stars" in said["message"]) == ("TooFewLabels", True)
    assert "stars" in (tmp_path / "2" / "log").read_text("utf-8")
    assert not (tmp_path / "2" / "v1").exists()


def test_a_fault_of_ours_is_one_questions_alone(tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from labelwheel.training.run import Run

    paths = [asked(tmp_path / name, Kind.CHOICE, base_model=base, version=name) for name in ("a", "b")]
    real = Run.execute

    def breaks(run: Run) -> JobResult:
        if run.spec.version == "a":
            raise ZeroDivisionError("by nothing")
        return real(run)

    monkeypatch.setattr(Run, "execute", breaks)
    assert job.main([str(each) for each in paths]) == 1
    said = json.loads(paths[0].with_name(job.FAILED).read_bytes())
    assert said == {"error": "ZeroDivisionError", "message": "ZeroDivisionError: by nothing"}
    assert "Traceback" in paths[0].with_name("log").read_text("utf-8")
    assert (tmp_path / "b" / "v1").exists()


def test_specs_of_one_job_share_a_base_model(tmp_path: Path, base: str) -> None:
    one = asked(tmp_path / "one", Kind.CHOICE, base_model=base)
    other = asked(tmp_path / "other", Kind.CHOICE)
    assert job.main([str(one), str(other)]) == job.REFUSED
    assert "same base model" in other.with_name(job.FAILED).read_text("utf-8")
