from __future__ import annotations

import sys
from pathlib import Path

import pytest

from labelwheel.backend import cli
from labelwheel.backend.settings import Settings
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
