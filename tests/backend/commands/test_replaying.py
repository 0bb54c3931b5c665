from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path

import pytest

from labelwheel.backend import cli
from labelwheel.backend.commands import replaying
from labelwheel.backend.replay.identity import Identity
from labelwheel.backend.replay.outcome import Outcome, Point, RoundOutcome
from labelwheel.backend.settings import Settings
from tests.backend.replay.recordings import recording
from tests.backend.stage import Stage


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("LABELWHEEL_HOME", str(tmp_path / "home"))
    stage = Stage(Settings(home=tmp_path / "home"))
    stage.connect("mood", "tone")
    return stage


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """The one line of a `labelwheel replay` that cannot be."""
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["labelwheel", "replay", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    return error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a project, or a labelled file"),
        (("1", "--data", "f.jsonl"), "one of the two"),
        (("1", "--only"), "--only needs a --policy"),
        (("1", "--policy", "colour=blue"), "name=value with one of order"),
        (("7",), "there is no project '7'"),
        (("1",), "say which question with --question; there are: mood, tone"),
        (("1", "--question", "mood"), "nobody has answered 'mood' yet"),
        (("--data", "nowhere.jsonl"), "there is no file nowhere.jsonl"),
    ],
)
def test_what_cannot_be_replayed_is_one_line(
    stage: Stage,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert message in said(capsys, monkeypatch, *arguments)


def test_without_a_database_it_says_where_it_looked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELWHEEL_HOME", str(tmp_path))
    error = said(capsys, monkeypatch, "1")
    assert f"there is no database in {tmp_path}" in error
    assert not list(tmp_path.iterdir()), "looking makes no database"


def test_the_table_compares_policies_and_says_which_rounds_are_not_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    first, other = (
        Outcome("as recorded", "accuracy", [True, False] * 60),
        Outcome("growth=0.5", "accuracy", [True] * 120),
    )
    first.curve = [Point(0, 0.5, 50), Point(60, 0.7, 50), Point(120, 0.8, 50)]
    other.curve = [Point(0, 0.5, 50), Point(60, 0.75, 50), Point(120, 0.9, 50)]
    other.rounds = [RoundOutcome("v", "auto", 10, state, "", 0.6, 0.5, 50) for state in ("promoted", "rejected")]
    first.identity = [Identity("v1", True, True, ""), Identity("v2", False, True, "other libraries: torch")]
    replaying._show(recording(120), [first, other])
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert shown[0] == "a project: 120 labels"
    assert shown[2].startswith("as recorded 0 0 0 0 50 % 50 % 0.800 120 labels 0 0 s")
    assert shown[3].startswith("growth=0.5 2 1 1 1 100 % 100 % 0.900 60 labels 60 0 s")
    assert "accuracy on 50 held-out examples" in shown[4]
    assert shown[-2].startswith("as recorded: 1 of 2 rounds came out the same; the files of 1 of 2 checkpoints")
    assert shown[-1] == "v2: other libraries: torch"


def test_afterwards_the_process_logs_and_ends_as_before() -> None:
    logger, handler = logging.getLogger("labelwheel"), signal.getsignal(signal.SIGTERM)
    level = logger.level
    with replaying._alone():
        assert logger.level == logging.ERROR
        assert signal.getsignal(signal.SIGTERM) is not handler
    assert (logger.level, signal.getsignal(signal.SIGTERM)) == (level, handler)
