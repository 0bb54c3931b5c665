"""Whatever a foreign model does costs its own process, and is told in one line."""

from __future__ import annotations

import json
import time
from pathlib import Path

import psutil
import pytest

from labelwheel.training.errors import ForeignFailed
from labelwheel.training.foreign.process import ForeignProcess
from tests.training.foreign.conftest import Make
from tests.training.models import choice, example

ROWS = [(example("rain today"), "weather"), (example("jazz please"), "music")]
ASKED = [example("rain tomorrow"), example("jazz again")]


@pytest.fixture(autouse=True)
def nothing_is_left() -> object:
    """No process of a test outlives it."""
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    yield
    deadline = time.monotonic() + 10
    while {each.pid for each in psutil.Process().children(recursive=True)} - before:
        assert time.monotonic() < deadline, psutil.Process().children(recursive=True)
        time.sleep(0.05)


def test_it_learns_and_predicts_and_is_given_none_of_our_secrets(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {"LABELWHEEL_TOKEN", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "KUBEFLOW_TRAINER_SERVER_TOKEN"}
    for name in secrets:
        monkeypatch.setenv(name, "a secret")
    monkeypatch.setenv("WANTED", "1")
    (tmp_path / "own").mkdir()
    model = make({"variables": ("WANTED", "MISSING")}, learn="print", predict="print")
    with ForeignProcess(model, choice(), tmp_path / "own") as process:
        process.learn(ROWS, 20)
        assert [one.answer for one in process.predict(ASKED)] == ["weather", "music"]
    assert not process.alive
    environment = json.loads((tmp_path / "own" / "memory.json").read_text())["environment"]
    assert {"WANTED", "PATH", "MODEL_DIR"} <= {*environment}
    assert not secrets & {*environment}


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raise", "failed to learn: ValueError: not today"),
        ("exit", "ended with 5 as it was to learn"),
        ("_exit", "ended with 6 as it was to learn"),
        ("abort", "was killed by signal 6 as it was to learn"),
        ("hang", "did not learn within 1 s, and was ended"),
        ("eat", "took more than 400 MB to learn, and was ended"),
        ("babble", "answers what is no JSON"),
    ],
)
def test_whatever_happens_as_it_learns_is_told(make: Make, tmp_path: Path, how: str, said: str) -> None:
    seconds = 1.0 if how == "hang" else 20.0
    with (
        ForeignProcess(make(learn=how), choice(), tmp_path) as process,
        pytest.raises(ForeignFailed, match=f"Wish of wishes.json {said}"),
    ):
        process.learn(ROWS, seconds)


@pytest.mark.parametrize(
    ("how", "said"),
    [("_exit", "ended with 6"), ("hang", "did not predict within 1 s"), ("few", "gave 1 answers about 2 examples")],
)
def test_whatever_happens_as_it_predicts_is_told(make: Make, tmp_path: Path, how: str, said: str) -> None:
    with ForeignProcess(make({"seconds": 1.0}, predict=how), choice(), tmp_path) as process:
        process.learn(ROWS, 20)
        with pytest.raises(ForeignFailed, match=said):
            process.predict(ASKED)


def test_what_cannot_begin_leaves_nothing(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ForeignFailed, match="did not open within 1 s"):
        ForeignProcess(make(open="hang"), choice(), tmp_path, seconds=1.0)
    with pytest.raises(ForeignFailed, match="cannot be started"):
        ForeignProcess(make({"command": ("/no/such/command",)}), choice(), tmp_path)


def test_requests_larger_than_a_pipe_arrive_and_what_hangs_before_it_reads_them_is_ended(
    make: Make, tmp_path: Path
) -> None:
    many = [(example(f"rain {'x' * 2000}", str(number)), "weather") for number in range(500)]
    with ForeignProcess(make(), choice(), tmp_path) as process:
        process.learn(many, 20)
        assert len(process.predict([one for one, _ in many])) == 500
