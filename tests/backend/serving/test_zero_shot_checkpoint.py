"""A checkpoint that a zero-shot model answers for, on the engine that is chosen for it: as it was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelwheel.backend.serving.batching import Priority
from labelwheel.backend.serving.cache import AnswerCache
from labelwheel.backend.serving.engines.choice import ChosenEngine
from labelwheel.backend.serving.loading import load
from labelwheel.backend.serving.predictor import Predictor, ServedQuestion
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.training import job
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.model import Model
from labelwheel.training.questions import Example, Option, Question
from labelwheel.training.spec import JobSpec, Part, Recipe
from labelwheel.training.testing.labelled_texts import TOPIC, labelled_texts
from labelwheel.training.testing.small_model import small_model
from labelwheel.training.zero_shot.entry import ZeroShotEntry
from tests.training.zero_shot.inference import taught


def among(*values: str) -> Question:
    """TOPIC with other options."""
    return Question(name="topic", kind=TOPIC.kind, inputs=("text",), options=tuple(Option(value=v) for v in values))


MORE = among("weather", "music", "food", "sport")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoints `v1` of TOPIC and `v2` of MORE, from before the first label, with graphs of what lies beside."""
    place = tmp_path_factory.mktemp("zero-shot")
    named, base = taught(place / "nli"), small_model(place / "base")
    for version, question in (("v1", TOPIC), ("v2", MORE)):
        spec = JobSpec(
            version=version, question=question, output=str(place / version), data="", base_model=str(base),
            recipe=Recipe.NAMES, device="cpu", threads=1, zero_shot=str(named),
        )  # fmt: skip
        job.execute(spec, [])
        manifest = checkpoint.read(place / version).manifest
        assert isinstance(manifest.foreign, ZeroShotEntry)
        assert manifest.artefact is not None
    return place


def test_what_is_served_is_what_was_measured_whoever_asks_beside_it(
    folder: Path, engine: ChosenEngine, queue: InferenceQueue
) -> None:
    predictor = Predictor(queue, AnswerCache(size=0))
    members = {
        version: ServedQuestion(question, load(engine, queue, checkpoint.read(folder / version), version))
        for version, question in (("v1", TOPIC), ("v2", MORE))
    }
    assert members["v1"].model.encoder is members["v2"].model.encoder, "both questions share one model"
    examples = [row.example for row in labelled_texts(30, Part.HELD_OUT, seed=5)]
    examples.append(Example(key="long", fields={"text": "rain and jazz " * 300}))
    for found in (
        predictor.suggest(members, examples),
        [each for one in examples for each in predictor.suggest(members, [one])],
    ):
        for version, question in (("v1", TOPIC), ("v2", MORE)):
            expected = Model.load(folder / version, device="cpu").predict(question, examples)
            assert [each[version].answer for each in found] == [one.answer for one in expected]
            assert [each[version].score for each in found] == pytest.approx([one.score for one in expected], abs=1e-3)


def test_an_option_that_is_gone_is_suggested_no_more(folder: Path, engine: ChosenEngine) -> None:
    loaded = engine.load(folder / "v1")
    fewer = among("music", "food")
    examples = [row.example for row in labelled_texts(30, Part.HELD_OUT, seed=5)]
    rows = loaded.encode(fewer, examples)
    assert len(rows) == len(examples) * len(TOPIC.options)
    said = loaded.decode(fewer, examples, rows, loaded.head(loaded.encoder.features(rows)))
    assert {one.answer for one in said} == {"music", "food"}


def test_it_is_not_served_where_what_it_stands_on_is_another(
    folder: Path, engine: ChosenEngine, queue: InferenceQueue
) -> None:
    config = folder / "nli" / "config.json"
    content = config.read_bytes()
    config.write_bytes(content + b"\n")
    try:
        with pytest.raises(InvalidCheckpoint, match="stands on a zero-shot model that this machine has not"):
            engine.load(folder / "v1")
    finally:
        config.write_bytes(content)
    loaded = engine.load(folder / "v1")
    rows = loaded.encode(TOPIC, [Example(key="1", fields={"text": "rain"})])
    assert len(queue.submit(loaded.encoder, rows, Priority.INTERACTIVE, float("inf")).result(30)) == 3
