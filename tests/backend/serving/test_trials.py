"""Engines measured against each other: the soonest is chosen, once for a machine; one that fails costs nothing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from labelwheel.backend.serving.engines import trials
from labelwheel.backend.serving.engines.choice import ChosenEngine
from labelwheel.backend.serving.engines.onnx import OnnxEngine
from labelwheel.backend.serving.engines.trials import Times, Trial, Trials, measure, soonest
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.errors import InvalidCheckpoint, LabelwheelError
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.onnx_export.session import GraphSession
from tests.backend import real

LENGTHS = (4, 8, 20)


class Timed:
    """A session that takes so many milliseconds for a batch, and so many for each row of it."""

    arithmetic, layered, tokens = "", False, False

    def __init__(self, each: float, row: float) -> None:
        self.each, self.row = each, row
        self.batches: list[list[int]] = []

    def features(self, encodings: Sequence[Encoding], layered: bool = False) -> list[np.ndarray]:
        self.batches.append([len(row.input_ids) for row in encodings])
        time.sleep((self.each + self.row * len(encodings)) / 1000)
        return [np.zeros(3, dtype=np.float32) for _ in encodings]


def ways(**made: GraphSession | LabelwheelError) -> dict[str, Callable[[], GraphSession]]:
    def of(one: GraphSession | LabelwheelError) -> GraphSession:
        if isinstance(one, LabelwheelError):
            raise one
        return one

    return {name: lambda one=one: of(one) for name, one in made.items()}  # type: ignore[misc]


def test_each_is_measured_with_single_texts_and_with_batches() -> None:
    sessions = {"slow": Timed(8.0, 2.0), "quick": Timed(2.0, 0.5)}
    found = measure(sessions, LENGTHS, 0.3)
    assert found["quick"].single < 0.6 * found["slow"].single
    assert found["quick"].batched < 0.6 * found["slow"].batched
    assert found["slow"].batched < found["slow"].single
    for session in sessions.values():
        shapes = session.batches[1:]
        assert {tuple(each) for each in shapes} >= {(4,), (8,), (20,)}
        assert max(map(len, shapes)) > 1
        assert all(len(each) * max(each) <= 512 for each in shapes)
    assert sessions["slow"].batches == sessions["quick"].batches


def test_a_machine_that_is_busy_for_a_while_does_not_choose() -> None:
    """Both become five times as slow for most of the time: each is compared with what the other took at that moment."""

    class Busy(Timed):
        def features(self, encodings: Sequence[Encoding], layered: bool = False) -> list[np.ndarray]:
            self.each = (10.0 if len(self.batches) % 12 < 8 else 2.0) * self.share
            return super().features(encodings, layered)

        share = 1.0

    usual, other = Busy(2.0, 0.0), Busy(2.0, 0.0)
    other.share = 0.7
    found = measure({"usual": usual, "other": other}, LENGTHS, 0.3)
    assert found["other"].single / found["usual"].single == pytest.approx(0.7, abs=0.1)
    assert soonest(found, "usual").engine == "other"


@pytest.mark.parametrize(
    ("other", "chosen"),
    [
        ((0.5, 0.5), "other"),
        ((0.97, 0.97), "usual"),
        ((2.0, 0.9), "usual"),
        ((1.2, 0.5), "other"),
        ((1.0, 1.0), "usual"),
    ],
)
def test_another_has_to_be_ahead(other: tuple[float, float], chosen: str) -> None:
    assert soonest({"usual": Times(1.0, 1.0), "other": Times(*other)}, "usual").engine == chosen


def test_what_was_found_is_kept_and_not_measured_again(tmp_path: Path) -> None:
    file = tmp_path / "engines.json"
    quick = Timed(0.2, 0.1)
    session, trial = Trials(file, 0.05).choose("graph", LENGTHS, ways(onnx=Timed(3.0, 1.0), openvino=quick))
    assert session is quick
    assert trial is not None
    assert trial.engine == "openvino"
    (kept,) = json.loads(file.read_text())[trials.processor()].values()
    assert kept == trial.told
    again = Timed(50.0, 0.0)
    session, found = Trials(file, 0.05).choose("graph", LENGTHS, ways(onnx=LabelwheelError("unused"), openvino=again))
    assert (session, found) == (again, trial)
    assert not again.batches
    other, _ = Trials(file, 0.05).choose("another", LENGTHS, ways(onnx=Timed(0.1, 0.1), openvino=again))
    assert other is not again
    assert again.batches


def test_what_comes_at_the_same_time_chooses_alike(tmp_path: Path) -> None:
    """Both are as quick: whoever measures, it is by chance which of them is ahead."""
    chosen: list[str] = []
    file, gate = tmp_path / "engines.json", threading.Barrier(4)

    def one() -> None:
        gate.wait()
        _, trial = Trials(file, 0.02).choose("graph", LENGTHS, ways(onnx=Timed(1.5, 0.0), openvino=Timed(1.4, 0.0)))
        assert trial is not None
        chosen.append(json.dumps(trial.told))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(chosen) == 4
    assert len(set(chosen)) == 1


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": 1}', json.dumps({"here": {"graph": {"engine": 3}}})])
def test_a_file_that_says_nothing_is_written_anew(
    tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "processor", lambda: "here")
    file = tmp_path / "engines.json"
    file.write_text(content)
    _, trial = Trials(file, 0.02).choose("graph", LENGTHS, ways(onnx=Timed(1.0, 0.0), openvino=Timed(0.1, 0.0)))
    assert trial is not None
    assert trial.told in json.loads(file.read_text())["here"].values()


def test_a_place_that_cannot_be_written_costs_nothing_but_the_memory_of_it(tmp_path: Path) -> None:
    nowhere = tmp_path / "missing" / "engines.json"
    session, trial = Trials(nowhere, 0.02).choose("g", LENGTHS, ways(onnx=Timed(1.0, 0.0), openvino=Timed(0.1, 0.0)))
    assert session.arithmetic == ""
    assert trial is not None
    assert not nowhere.parent.exists()


def test_the_file_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "_KEPT", 3)
    file = tmp_path / "engines.json"
    for number in range(5):
        Trials(file, 0.0).choose(f"g{number}", (4,), ways(onnx=Timed(0.0, 0.0), openvino=Timed(0.0, 0.0)))
    assert [key.split()[0] for key in json.loads(file.read_text())[trials.processor()]] == ["g2", "g3", "g4"]


def test_another_that_fails_is_left_out_and_the_usual_one_is_not() -> None:
    usual = Timed(0.0, 0.0)
    session, trial = Trials(None, 0.0).choose("g", LENGTHS, ways(onnx=usual, openvino=LabelwheelError("no memory")))
    assert (session, trial) == (usual, None)
    with pytest.raises(InvalidCheckpoint, match="broken"):
        Trials(None, 0.0).choose("g", LENGTHS, ways(onnx=InvalidCheckpoint("broken"), openvino=usual))


def test_an_engine_that_was_kept_and_fails_now_gives_way_to_the_usual_one(tmp_path: Path) -> None:
    file, usual = tmp_path / "engines.json", Timed(5.0, 0.0)
    Trials(file, 0.02).choose("g", LENGTHS, ways(onnx=usual, openvino=Timed(0.1, 0.0)))
    session, _ = Trials(file, 0.02).choose("g", LENGTHS, ways(onnx=usual, openvino=LabelwheelError("gone")))
    assert session is usual


def manifest(alike: tuple[str, ...], lengths: tuple[int, ...] = LENGTHS) -> Manifest:
    found = checkpoint.read(real.store() / "n1").manifest
    assert found.artefact is not None
    return found.model_copy(update={"artefact": found.artefact.model_copy(update={"alike": alike, "lengths": lengths})})


@pytest.fixture
def sooner(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """OpenVINO is twice as soon, whatever the machine; the lengths that were asked about."""
    asked: list[tuple[int, ...]] = []

    def said(sessions: dict[str, GraphSession], lengths: tuple[int, ...], seconds: float) -> dict[str, Times]:
        asked.append(lengths)
        return {name: Times(1.0, 1.0) if name == "onnx" else Times(0.5, 0.5) for name in sessions}

    monkeypatch.setattr(trials, "measure", said)
    return asked


def test_an_engine_is_only_taken_where_its_answers_were_compared(tmp_path: Path, sooner: list[tuple[int, ...]]) -> None:
    arithmetic = OnnxEngine(1, openvino=True).load(real.store() / "n1").encoder.computing["arithmetic"]
    for alike in ((), ("openvino of another machine",)):
        found = ChosenEngine("auto", "cpu", 1, tmp_path / "e.json").load(real.store() / "n1", manifest(alike))
        assert found.encoder.computing == {"arithmetic": "onnx"}
    assert not sooner
    assert not (tmp_path / "e.json").exists()
    found = ChosenEngine("auto", "cpu", 1, tmp_path / "e.json").load(real.store() / "n1", manifest((arithmetic,)))
    assert sooner == [LENGTHS]
    assert found.encoder.computing["arithmetic"] == arithmetic
    assert found.encoder.computing["milliseconds"]["openvino"] == {"single": 0.5, "batched": 0.5}


def test_a_graph_in_memory_is_shared_rather_than_computed_twice(tmp_path: Path, sooner: list[tuple[int, ...]]) -> None:
    arithmetic = OnnxEngine(1, openvino=True).load(real.store() / "n1").encoder.computing["arithmetic"]
    engine = ChosenEngine("auto", "cpu", 1, tmp_path / "e.json")
    first = engine.load(real.store() / "n1", manifest(()))
    second = engine.load(real.store() / "n1", manifest((arithmetic,)))
    assert second.encoder is first.encoder
    assert not sooner


def test_by_name_nothing_is_measured(sooner: list[tuple[int, ...]]) -> None:
    for name in ("onnx", "openvino"):
        found = ChosenEngine(name, "cpu", 1).load(real.store() / "n1", manifest(("openvino bf16", "openvino fp32")))
        assert "milliseconds" not in found.encoder.computing
    assert not sooner


def test_what_was_told_is_read_again() -> None:
    trial = Trial("onnx", {"onnx": Times(1.0, 0.5), "openvino": Times(2.0, 1.5)})
    assert Trial.read(trial.told) == trial
    assert Trial.read({**trial.told, "engine": "torch"}) is None
