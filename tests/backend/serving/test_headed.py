"""A checkpoint whose answers come from the head beside it: served by every engine, revised, rolled back to, refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labelwheel.backend.revisions.features import Champion, pack_features, unpack_features
from labelwheel.backend.serving.cache import AnswerCache
from labelwheel.backend.serving.connector_host import ServingHost
from labelwheel.backend.serving.engine import Engine
from labelwheel.backend.serving.engines.choice import ChosenEngine
from labelwheel.backend.serving.engines.onnx import OnnxEngine
from labelwheel.backend.serving.engines.pytorch import TorchEngine
from labelwheel.backend.serving.hint_writer import HintWriter
from labelwheel.backend.serving.models import ServedModels
from labelwheel.backend.serving.predictor import Predictor
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.backend.serving.served import Wanted
from labelwheel.training.checkpoints import checkpoint, layered_head
from labelwheel.training.heads import span_fit
from labelwheel.training.model import Model
from labelwheel.training.questions import Example, Prediction
from tests.training.chains import PLACES, UNSEEN, labelled, store

ENGINES = {"torch": lambda: TorchEngine("cpu", cores=1), "onnx": lambda: OnnxEngine(cores=1)}
ASKED = [row.example for row in labelled(12, cities=UNSEEN)]


class World:
    """One project, whose generations are the given checkpoints."""

    def __init__(self, engine: Engine) -> None:
        self.wanted: dict[int, Wanted] = {}
        self.queue = InferenceQueue(engine)
        self.predictor = Predictor(self.queue, AnswerCache())
        self.served_models = ServedModels(engine, self.queue, lambda: dict(self.wanted))
        hints: Any = HintWriter(lambda keys: None)
        self.host = ServingHost(self.served_models, self.predictor, hints, lambda tool, reference: [])

    def want(self, generation: str, folder: Path, **more: Any) -> None:
        version = checkpoint.read(folder).manifest.version
        members = {"places": (version, str(folder))}
        self.wanted[1] = Wanted(1, "tool", "p1", generation, {"places": PLACES}, members, **more)
        self.served_models.follow()

    def answers(self, examples: list[Example] = ASKED) -> list[Prediction]:
        return [each.predictions["places"] for each in self.host.suggest("tool", "p1", examples)]


@pytest.fixture(params=ENGINES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    world = World(ENGINES[request.param]())
    yield world
    world.queue.close()


def alike(mine: list[Prediction], others: list[Prediction]) -> bool:
    return all(
        one.answer == other.answer
        and one.score == pytest.approx(other.score, abs=1e-3)
        and one.item_scores == pytest.approx(other.item_scores, abs=1e-3)
        for one, other in zip(mine, others, strict=True)
    )


def plain(folder: Path) -> Path:
    """The same checkpoint with its last layer alone, under another version."""
    shutil.copytree(store() / "c1", folder)
    (folder / layered_head.FILE).unlink()
    manifest = checkpoint.Manifest.model_validate_json((folder / checkpoint.MANIFEST).read_bytes())
    files = {name: digest for name, digest in manifest.files.items() if name != layered_head.FILE}
    bare = manifest.model_copy(update={"version": "p1", "head": None, "files": files})
    (folder / checkpoint.MANIFEST).write_text(bare.model_dump_json(), "utf-8")
    return folder


def test_what_is_served_is_what_was_measured(world: World) -> None:
    world.want("g1", store() / "c1")
    wanted = Model.load(store() / "c1", "cpu").predict(PLACES, ASKED)
    assert alike(world.answers(), wanted)
    assert any(one.answer for one in wanted)
    odd = ["", "?", "\u200b", "🇫🇷👩‍👩‍👧" * 20, "they moved to Oslo, " * 60]
    examples = [Example(key=str(place), fields={"text": text}) for place, text in enumerate(odd)]
    assert alike(world.answers(examples), Model.load(store() / "c1", "cpu").predict(PLACES, examples))


def test_what_has_no_such_head_takes_its_place_and_gives_it_back(world: World, tmp_path: Path) -> None:
    world.want("g1", store() / "c1")
    first = world.answers()
    world.want("g2", plain(tmp_path / "p1"))
    between = world.answers()
    world.want("g3", store() / "c1")
    assert world.host.version("tool", "p1") == "g3"
    assert world.answers() == first != between


def test_a_newer_head_stands_on_the_same_layers(world: World) -> None:
    world.want("g1", store() / "c1")
    first = world.answers()
    model = world.served_models.served("tool", "p1").members["places"].model
    assert model.encoder.layered is model.encoder
    rows = labelled(36)
    turned = [[{**span, "label": "sum"} for span in row.answer if span["label"] == "city"] for row in rows]
    examples = [row.example for row in rows]
    encodings = model.encode(PLACES, examples)
    features = model.encoder.features(encodings)
    content = span_fit.fit(PLACES, examples, turned, features, encodings).head.dump()
    world.wanted[1] = replace(world.wanted[1], version="g1.1", heads={"places": ("head-1", content)})
    world.served_models.follow()
    assert world.host.version("tool", "p1") == "g1.1"
    assert {span["label"] for one in world.answers() for span in one.answer} == {"sum"}
    served = world.served_models.served("tool", "p1")
    kept = world.host.suggest_with(served, ASKED, revised=False)
    assert [each.predictions["places"] for each in kept] == first
    world.wanted[1] = replace(world.wanted[1], version="", heads={})
    world.served_models.follow()
    assert world.answers() == first


def test_heads_are_compared_with_what_it_answers(world: World) -> None:
    world.want("g1", store() / "c1")
    member = world.served_models.served("tool", "p1").champions["places"]
    read = world.predictor.features(member, ASKED, 30.0)
    about = Champion("c1", "chain", member.model.labels, {}, member.model.width or 0)
    found = unpack_features(pack_features(about, read.encodings, read.features, read.logits, read.answers))
    assert alike(list(found.answers), world.answers())
    assert [len(row) for row in found.features] == [len(row.input_ids) for row in read.encodings]
    assert found.logits == []


def test_what_cannot_be_read_leaves_the_champion_where_it_is(world: World, tmp_path: Path) -> None:
    world.want("g1", store() / "c1")
    first = world.answers()
    folder = shutil.copytree(store() / "c1", tmp_path / "c2")
    (folder / layered_head.FILE).write_bytes(b"\x00" * 64)
    manifest = checkpoint.Manifest.model_validate_json((folder / checkpoint.MANIFEST).read_bytes())
    files = {**manifest.files, layered_head.FILE: checkpoint._sha256(folder / layered_head.FILE)}
    changed = manifest.model_copy(update={"version": "c2", "files": files})
    (folder / checkpoint.MANIFEST).write_text(changed.model_dump_json(), "utf-8")
    world.want("g2", folder)
    assert world.host.version("tool", "p1") == "g1"
    assert "roll back" in world.served_models.problems["1"]["message"]
    assert world.answers() == first


def test_an_exported_folder_is_served_the_same(tmp_path: Path) -> None:
    folder = checkpoint.export(checkpoint.read(store() / "c1"), tmp_path / "exported")
    model = ChosenEngine("auto", "cpu", 1).load_any(folder)
    encodings = model.encode(PLACES, ASKED)
    said = model.decode(PLACES, ASKED, encodings, model.head(model.encoder.features(encodings)))
    assert alike(said, Model.load(store() / "c1", "cpu").predict(PLACES, ASKED))
