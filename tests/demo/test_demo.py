"""`make demo` as people start it: a simulated annotator, Ctrl-C, and a second start with the labels kept."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from demo.__main__ import settings
from demo.home import DemoError, Home, free_port, is_free
from testkit.label_studio import LabelStudioServer

ROOT = Path(__file__).resolve().parents[2]
LABELS = 24
SECONDS = 240  # a generous limit for anything to be said, on a busy machine too


class Demo:
    """One `python -m demo`; `said` is what it has printed so far."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.said = ""
        self._file = Path(tempfile.mkstemp(dir=home.parent, prefix="said-", suffix=".txt")[1])
        with self._file.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "demo", "--home", str(home), *arguments],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "COLUMNS": "200"},
                start_new_session=True,
            )

    def until(self, pattern: str) -> re.Match[str]:
        """Wait until it says something; AssertionError with all that it said where it does not."""
        deadline = time.monotonic() + SECONDS
        while True:
            ended = self.process.poll() is not None
            self.said = self._file.read_text(errors="replace")
            if found := re.search(pattern, self.said):
                return found
            assert not ended, f"it ended with {self.process.returncode} before it said {pattern!r}:\n{self.said}"
            assert time.monotonic() < deadline, f"it did not say {pattern!r} in {SECONDS} s:\n{self.said}"
            time.sleep(0.2)

    def interrupt(self) -> None:
        """Ctrl-C, and the end of it."""
        self.process.send_signal(signal.SIGINT)
        assert self.end() == 0, self.said

    def end(self) -> int:
        """Wait for it to end by itself; its exit code."""
        code = self.process.wait(timeout=60)
        self.said = self._file.read_text(errors="replace")
        assert "Traceback" not in self.said, self.said
        return code


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder for demos; none is left running on it, whatever the test comes to."""
    folder = tmp_path / "demo"
    yield folder
    for process in psutil.process_iter(["cmdline"]):
        if process.info["cmdline"] and process.info["cmdline"][1:5] == ["-m", "demo", "--home", str(folder)]:
            process.kill()
    Home(folder).end_leftovers(signal.SIGKILL)


def left_running(home: Path) -> list[str]:
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [" ".join(command) for command in commands if any(str(home) in part for part in command)]


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_demo_labels_stops_and_goes_on_with_the_labels_kept(home: Path) -> None:
    first = Demo(home, "--simulate", "--labels", str(LABELS), "--pause", "0.05")
    first.until(r"ready\..*http://127\.0\.0\.1:\d+/projects/\d+/data")
    first.until("topic promoted")
    first.until(r" 20 labels.*topic +\d+%.*mentions +\d+%")
    first.until(rf"{LABELS} messages labelled")
    first.until("mentions ordered")  # a round comes by itself; its end is not waited for
    first.interrupt()
    assert "the labels are kept" in first.said.lower()
    assert not left_running(home)

    second = Demo(home)
    second.until("ready")
    kept = re.search(r"connected as before, (\d+) of \d+ messages labelled so far", second.said)
    assert kept, second.said
    assert int(kept[1]) == LABELS
    assert "connecting" not in second.said, "there was nothing to connect anew"
    assert "topic promoted" not in second.said, "what an earlier demo decided is no news"

    # whoever tries the demo can make the one token that Label Studio gives them, and is told how to label
    address = re.search(r"http://127\.0\.0\.1:(\d+)/projects/(\d+)/data", second.said)
    assert address, second.said
    studio = LabelStudioServer(port=int(address[1]), folder=home)
    studio.pat = studio.make_token()
    shown = studio.project(int(address[2]))
    assert shown["show_instruction"]
    assert "Order number" in shown["expert_instruction"]
    assert (home / "demo.json").stat().st_mode & 0o077 == 0

    third = Demo(home)  # while the second one runs
    assert third.end() == 1
    assert "another demo is running" in third.said
    second.interrupt()
    assert not left_running(home)


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_same_demo_in_argilla(home: Path) -> None:
    demo = Demo(home, "--tool", "argilla", "--simulate", "--labels", "20", "--pause", "0.05")
    demo.until(r"412 messages are in the dataset")
    demo.until(r"ready\..*http://127\.0\.0\.1:\d+/dataset/[0-9a-f-]{36}/annotation-mode")
    demo.until(r" 20 labels.*topic +\d+%.*mentions +\d+%")
    demo.until("20 messages labelled")
    demo.interrupt()
    assert not left_running(home)


def test_settings_are_tried_out_and_another_services_place_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELWHEEL_EXPLAIN", "true")
    for name in ("URL", "TOKEN", "HOME", "DATABASE", "STORE"):
        monkeypatch.setenv(f"LABELWHEEL_{name}", "of a service that people work with")
    assert settings()["LABELWHEEL_EXPLAIN"] == "true"
    assert "of a service that people work with" not in settings().values()


def test_a_home_remembers(tmp_path: Path) -> None:
    with Home(tmp_path / "home") as home:
        home.keep(project=3)
        token = home.token
    with Home(tmp_path / "home") as home:
        assert home.get("project") == 3
        assert home.get("unheard of") is None
        assert home.token == token
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0
    assert (tmp_path / "home" / "token").stat().st_mode & 0o077 == 0


def test_a_home_is_held_by_one_demo_at_a_time(tmp_path: Path) -> None:
    with (
        Home(tmp_path),
        pytest.raises(DemoError, match=f"another demo is running on .*process {os.getpid()}"),
        Home(tmp_path),
    ):
        pytest.fail("two demos held one folder")
    with Home(tmp_path):
        pass


def test_what_a_killed_demo_left_is_ended_and_nothing_else(tmp_path: Path) -> None:
    def sleeper(**environment: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env=os.environ | environment)

    home = Home(tmp_path / "home")
    mine = sleeper(LABELWHEEL_HOME=str(home.labelwheel))
    also_mine = sleeper(LABEL_STUDIO_BASE_DATA_DIR=str(home.label_studio / "data"))
    mine_too = sleeper(ARGILLA_HOME_PATH=str(home.argilla / "home"))
    other = sleeper(LABELWHEEL_HOME=str(tmp_path / "other"))
    try:
        assert home.end_leftovers() == 3
        assert mine.poll() is not None
        assert also_mine.poll() is not None
        assert mine_too.poll() is not None
        assert other.poll() is None
        assert home.end_leftovers() == 0
    finally:
        for process in (mine, also_mine, mine_too, other):
            process.kill()
            process.wait()


def test_a_taken_port_is_stepped_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not is_free(port)
        assert free_port(port) > port
