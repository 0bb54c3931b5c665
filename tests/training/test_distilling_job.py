"""A whole job under a limit: what is served is the small model, what it was taught by is in the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from labelwheel.training import encoders
from labelwheel.training.base_model import DEFAULT
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.evaluation import base_card
from labelwheel.training.latency import Latency
from labelwheel.training.model import Model
from labelwheel.training.progress import Listener, Progress
from labelwheel.training.questions import Example
from labelwheel.training.run import Run
from labelwheel.training.spec import JobResult, JobSpec, LabelledExample, Part, Recipe, Serving
from labelwheel.training.strategies import contrastive, distilled, frozen_head, selection
from labelwheel.training.strategies.continued import FromChampion
from labelwheel.training.strategies.contrastive import Contrastive
from labelwheel.training.strategies.distilled import Distilled
from labelwheel.training.strategies.frozen_regression import FrozenRegression
from labelwheel.training.strategies.label_names import LabelNames
from tests.training.models import choice, rows, tiny_bert
from tests.training.strategies.test_self_taught import LOOSE

TEXTS = [one for one, _ in LOOSE]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bases")
    tiny_bert(made / "small")
    tiny_bert(made / "large", hidden_size=48, num_hidden_layers=4)
    return made


@pytest.fixture(autouse=True)
def quick(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded model is a tiny one, and so are the trainings."""
    monkeypatch.setattr(encoders, "locate", lambda name: name or str(folder / "small"))
    monkeypatch.setattr(contrastive, "STEPS", 4)
    monkeypatch.setattr(distilled, "EPOCHS", 2)
    monkeypatch.setattr(frozen_head, "PENALTIES", (0.1, 0.001))
    monkeypatch.setattr(frozen_head, "SHARES", (0.25,))
    tried = [LabelNames, FrozenRegression, Distilled, Contrastive, FromChampion]
    monkeypatch.setattr(selection.registry, "strategies", lambda: list(tried))


def probe(large: float, small: float) -> Any:
    def taking(module: Any, tokenizer: Any, texts: Any, serving: Any, graph: bool) -> Latency:
        took = large if module.config.hidden_size == 48 else small
        return Latency(took / 2, took, (5, 9), "so it was said")

    return taking


def run(
    tmp_path: Path,
    folder: Path,
    labelled: Sequence[LabelledExample],
    version: str = "v1",
    texts: Sequence[Example] = TEXTS,
    took: tuple[float, float] = (40, 4),
    **fields: Any,
) -> JobResult:
    settings: dict[str, Any] = {
        "base_model": str(folder / "large"), "device": "cpu", "threads": 1, "max_length": 32, "artefact": False,
        "serving": Serving(max_ms=10), **fields,
    }  # fmt: skip
    spec = JobSpec(version=version, question=choice(), data="", output=str(tmp_path / version), **settings)
    return Run(spec, labelled, Progress(Listener()), unlabelled=texts, probe=probe(*took)).execute()


HELD_OUT = rows(2, Part.HELD_OUT)


def test_the_small_model_is_what_is_left_and_the_report_says_what_taught_it(tmp_path: Path, folder: Path) -> None:
    result = run(tmp_path, folder, rows(2) + HELD_OUT)
    report: dict[str, Any] = result.report
    trials = {trial["name"] for trial in report["trials"]}
    large = str(folder / "large")
    assert {f"{Contrastive.name} ({large})", Distilled.name, Contrastive.name} <= trials
    assert any("is served in its place" in note for note in report["notes"])
    settings = report["settings"]
    assert (settings["instead_of"], settings["instead_of_ms"], settings["serve_ms"]) == (large, 40, 4)
    assert report["base_model"] == DEFAULT
    model = Model.load(tmp_path / "v1", device="cpu")
    assert model.module.config.hidden_size == 32
    assert model.manifest.base_model == DEFAULT
    held = [pair for pair in result.pairs if pair.held_out]
    assert len(held) == len(HELD_OUT), "the gate decides on the small model, by what is held out"
    examples = [row.example for row in HELD_OUT]
    said = [one.answer for one in model.predict(choice(), examples)]
    losses = {pair.key: pair.challenger_loss for pair in held}
    for row, one in zip(HELD_OUT, said, strict=True):
        assert losses[row.example.key] == float(one != row.answer)


def test_what_was_distilled_is_traced_and_the_next_round_goes_on_from_it(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = selection.choose

    def choose(outcomes: Any, *more: Any) -> Any:
        found = real(outcomes, *more)
        wanted = [each for each in outcomes if each.name == Distilled.name]
        return found if not wanted else type(found)(wanted[0], "it is the one that is looked at")

    monkeypatch.setattr(selection, "choose", choose)
    run(tmp_path, folder, rows(2) + HELD_OUT)
    manifest = checkpoint.read(tmp_path / "v1").manifest
    assert manifest.recipe == Distilled.recipe
    assert manifest.settings["teacher"] == str(folder / "large")
    assert manifest.settings["teacher_strategy"] in (Contrastive.name, FrozenRegression.name)
    assert 0 <= manifest.settings["teacher_score"] <= 1
    assert manifest.calibration
    card = (tmp_path / "v1" / checkpoint.CARD).read_text("utf-8")
    assert "setting teacher" in card
    assert "setting instead_of_ms" in card

    old = [row.model_copy(update={"fresh": False}) for row in rows(2)]
    new = [row for row in rows(4) if row.example.key not in {each.example.key for each in old}]
    second = run(tmp_path, folder, old + new + HELD_OUT, "v2", champion=str(tmp_path / "v1"))
    trials = {trial["name"]: trial["score"] for trial in second.report["trials"]}  # type: ignore[attr-defined]
    assert trials[FromChampion.name] is not None
    assert f"{FromChampion.name} ({folder / 'large'})" not in trials


@pytest.mark.parametrize("serving", [None, Serving(max_ms=100)])
def test_where_the_base_model_keeps_the_limit_nothing_is_different(
    tmp_path: Path, folder: Path, serving: Serving | None
) -> None:
    result = run(tmp_path, folder, rows(2) + HELD_OUT, serving=serving)
    assert checkpoint.read(tmp_path / "v1").manifest.base_model == str(folder / "large")
    names = [trial["name"] for trial in result.report["trials"]]  # type: ignore[attr-defined]
    assert names == [LabelNames.name, FrozenRegression.name, Contrastive.name]
    assert not any("LABELWHEEL_SERVE_MAX_MS" in note for note in result.report["notes"])  # type: ignore[attr-defined]


def test_without_other_texts_the_small_model_learns_from_labels_alone(tmp_path: Path, folder: Path) -> None:
    result = run(tmp_path, folder, rows(2) + HELD_OUT, texts=())
    assert checkpoint.read(tmp_path / "v1").manifest.base_model == DEFAULT
    assert any("is not distilled: there are 0 texts" in note for note in result.report["notes"])  # type: ignore[attr-defined]
    names = [trial["name"] for trial in result.report["trials"]]  # type: ignore[attr-defined]
    assert names == [LabelNames.name, FrozenRegression.name, Contrastive.name]


def test_rounds_of_seconds_have_no_teacher(tmp_path: Path, folder: Path) -> None:
    result = run(tmp_path, folder, rows(2) + HELD_OUT, fine_tuning=False)
    assert checkpoint.read(tmp_path / "v1").manifest.base_model == DEFAULT
    names = [trial["name"] for trial in result.report["trials"]]  # type: ignore[attr-defined]
    assert names == [LabelNames.name, FrozenRegression.name]


def test_before_there_are_labels_the_small_model_answers_from_the_names(tmp_path: Path, folder: Path) -> None:
    run(tmp_path, folder, [], recipe=Recipe.NAMES, texts=())
    manifest = checkpoint.read(tmp_path / "v1").manifest
    card = ModelCard.load(tmp_path / "v1" / checkpoint.MODEL_CARD).data
    assert (card.base_model, card.license) == (base_card.EMBEDDED, base_card.UNKNOWN)  # this one here has no card
    assert (manifest.recipe, manifest.base_model) == (LabelNames.recipe, DEFAULT)


def test_where_neither_keeps_the_limit_a_line_says_what_to_do(tmp_path: Path, folder: Path) -> None:
    result = run(tmp_path, folder, rows(2) + HELD_OUT, took=(40, 20))
    (line,) = (note for note in result.report["notes"] if "LABELWHEEL_SERVE_MAX_MS" in note)  # type: ignore[attr-defined]
    assert "raise LABELWHEEL_SERVE_MAX_MS, lower LABELWHEEL_MAX_LENGTH" in line
    assert checkpoint.read(tmp_path / "v1").manifest.base_model == DEFAULT


def test_no_teacher_reads_what_is_held_out(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is handed over among the texts without a label by mistake."""
    seen: list[str] = []
    real = Distilled._course

    def course(self: Any, *given: Any) -> Any:
        found = real(self, *given)
        seen.extend(row.example.key for row in found.problem.rows)
        return found

    monkeypatch.setattr(Distilled, "_course", course)
    run(tmp_path, folder, rows(2) + HELD_OUT, texts=[*TEXTS, *(row.example for row in HELD_OUT)])
    assert set(seen) >= {one.key for one in TEXTS}
    assert not set(seen) & {row.example.key for row in HELD_OUT}
    assert json.loads((tmp_path / "v1" / checkpoint.REPORT).read_bytes())["leakage"] is not None
