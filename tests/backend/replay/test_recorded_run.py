"""A project is recorded with real jobs, and replayed by the command: bit by bit the same, and nothing is left of it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import select

from labelwheel.backend import cli
from labelwheel.backend.database.tables import Base
from labelwheel.backend.rounds import launchers
from labelwheel.backend.settings import Settings
from labelwheel.plugins.testing.fake_tool import TOPIC
from labelwheel.training.launchers.local import LocalLauncher
from tests.backend.world import World
from tests.training.models import tiny_bert

SPORT = "the team won the match, the goal keeper and the striker played the final {}"
POLITICS = "the parliament voted on the law, the minister and the party won the election {}"
QUICK = {
    "fine_tuning": "false",
    "artefact": "false",
    "first_round": "12",
    "growth": "2",
    "job_threads": "1",
    "device": "cpu",
}


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> str:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "labelwheel.db").write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{tmp_path / 'home' / 'labelwheel.db'}"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The same for the service, by its settings, and for the command, by the environment."""
    for name, value in {
        **QUICK,
        "home": str(tmp_path / "home"),
        "base_model": str(tiny_bert(tmp_path / "base")),
    }.items():
        monkeypatch.setenv(f"LABELWHEEL_{name.upper()}", value)
    found = Settings()
    return found.model_copy(update={"quiet_seconds": 0.0, "poll_seconds": 1e-6})


@pytest.fixture
def recorded(world: World) -> World:
    """A project that went from its label names to a decided round, and some labels beyond."""
    world.tool.questions = (TOPIC,)
    world.launcher = LocalLauncher(str(launchers.folder(world.settings)), threads=1, grace=5.0)  # type: ignore[assignment]
    world.start()
    for number in range(40):
        world.tool.add(
            (SPORT, POLITICS)[number % 2].format(f"for the {number}th time, said {chr(97 + number % 26) * 9}")
        )
    world.connect()
    _until(world, lambda: world.settled)
    for number, key in enumerate(list(world.tool.examples)[:20]):
        world.tool.submit(key, {"topic": ("sport", "politics")[number % 2]})
    _until(world, lambda: len(world.rounds) == 2 and world.rounds[-1].state in ("promoted", "rejected"))
    return world


def _replay(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    """What `labelwheel replay … --json` prints."""
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["labelwheel", "replay", *arguments, "--json"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert not ended.value.code, err
    return json.loads(out)


def _until(world: World, condition: Any) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, world.decisions
        world.turn()
        time.sleep(0.1)


def _content(world: World) -> dict[str, str]:
    """What is in the database, table by table."""
    with world.database.session() as session:
        return {
            name: hashlib.sha256(repr(sorted(map(repr, session.execute(select(table)).all()))).encode()).hexdigest()
            for name, table in Base.metadata.tables.items()
        }


@pytest.mark.slow
def test_the_recorded_rounds_come_out_bit_by_bit(
    recorded: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before, temporary = _content(recorded), tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    (found,) = _replay(capsys, monkeypatch, "1")
    rounds = recorded.rounds
    assert [each["version"] for each in found["rounds"]] == [each.version for each in rounds]
    assert [each["state"] for each in found["rounds"]] == [each.state for each in rounds]
    assert [each["decision"] for each in found["identity"]] == [True, True], found["identity"]
    kept = {row.version for row in recorded.checkpoints}
    assert [each["files"] for each in found["identity"]] == [
        True if each.version in kept else None for each in rounds
    ], found["identity"]
    assert found["labels"] == 20
    assert _content(recorded) == before, "a replay changes nothing of what is recorded"
    assert not list(temporary.iterdir()), "nothing is left of a replay"


def _file(folder: Path) -> Path:
    """A hundred texts about sport and politics with their labels."""
    topics = [("sport", "politics")[number % 2] for number in range(100)]
    texts = [{"sport": SPORT, "politics": POLITICS}[topic].format(place**7) for place, topic in enumerate(topics)]
    rows = (json.dumps({"text": text, "topic": topic}) + "\n" for text, topic in zip(texts, topics, strict=True))
    path = folder / "given.jsonl"
    path.write_text("".join(rows), "utf-8")
    return path


@pytest.mark.slow
def test_a_labelled_file_is_labelled_in_an_order_of_the_product(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arguments = "--label-field", "topic", "--labels", "14", "--only", "--policy", "order=uncertain"
    (found,) = _replay(capsys, monkeypatch, "--data", str(_file(tmp_path)), *arguments)
    assert [each["recipe"] for each in found["rounds"]] == ["names", "auto"]
    assert {each["state"] for each in found["rounds"]} <= {"promoted", "rejected"}
    assert found["labels"] == len(found["accepted"]) == 14
    assert [found["curve"][place]["labels"] for place in (0, -1)] == [0, 14]
    assert {each["examples"] for each in found["curve"]} == {20}
    assert found["identity"] == []
    last = found["rounds"][-1]
    assert last["before"] is not None
    assert last["after"] is not None


@pytest.mark.slow
def test_ctrl_c_leaves_neither_a_job_nor_a_folder(settings: Settings, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def jobs() -> list[psutil.Process]:
        found = psutil.process_iter(["cmdline"])
        return [each for each in found if any(str(temporary) in word for word in each.info["cmdline"] or ())]

    command = sys.executable, "-m", "labelwheel.backend.cli", "replay", "--label-field", "topic", "--data"
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen([*command, str(_file(tmp_path))], env=environment) as replay:
        deadline = time.monotonic() + 300
        while not jobs():
            assert replay.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        replay.send_signal(signal.SIGINT)
        assert replay.wait(120) == 130
    assert not jobs()
    assert not list(temporary.iterdir())
