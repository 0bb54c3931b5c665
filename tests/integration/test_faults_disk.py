"""A disk that is full while a checkpoint is written: a real one, small enough to fill."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.stage import ENOUGH, Stage

MEGABYTE = 2**20
INSIDE = "LABELWHEEL_TEST_IN_NAMESPACE"

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "labelwheel-test", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def may_mount(folder: Path) -> bool:
    """Whether this process may mount a file system; tried, since there are more reasons than one why not."""
    folder.mkdir()
    tried = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "t", str(folder)], capture_output=True, check=False
    )
    if tried.returncode == 0:
        subprocess.run(["umount", str(folder)], check=True)
    return tried.returncode == 0


def test_a_full_disk_fails_the_round_and_nothing_else(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if may_mount(tmp_path / "probe"):
        full_disk(*map(request.getfixturevalue, ("studio", "quick", "small_disk")))
        return
    assert INSIDE not in os.environ, "not even in a user namespace of its own can this test mount a file system"
    # as an ordinary user: the same test once more, in a namespace where this user may mount
    command = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-m", "pytest", "-x"]
    command += ["-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, env={**os.environ, INSIDE: "1"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        "this test fills a file system of its own, which takes root or user namespaces (unshare --user --mount): "
        f"{done.stdout[-3000:]}{done.stderr[-1000:]}"
    )


def full_disk(studio: LabelStudioServer, quick: dict[str, str], disk: Path) -> None:
    store = disk / "checkpoints"
    with LabelwheelServer(environment={**quick, "LABELWHEEL_STORE": str(store)}) as wheel:
        stage = Stage(studio, wheel, tasks=ENOUGH + 10, labelled=ENOUGH)
        stage.promoted()
        served, present = stage.state()["version"]["current"], sorted(path.name for path in store.iterdir())
        ballast = fill(disk, but=MEGABYTE)

        row = stage.ended(stage.order())
        assert row["state"] == "failed", row["reason"]
        assert "disk is full" in row["reason"]
        assert "{" not in row["reason"], "that is for programs"
        stage.converged()
        assert stage.state()["version"]["current"] == served
        assert sorted(path.name for path in store.iterdir()) == present, "something half-written is left"
        assert shutil.disk_usage(disk).free > MEGABYTE // 2, "what was written is not given back"
        assert stage.predict(["Where is my parcel?"]).json()["results"][0]["model_version"] == served
        shown = wheel.run("status")
        assert "disk is full" in " ".join(shown.stdout.split()), shown.stdout

        ballast.unlink()
        done = wheel.run("train", "--question", "topic", "--wait")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "promoted" in done.stdout
        stage.converged()
        assert stage.state()["version"]["current"] != served


def fill(disk: Path, but: int) -> Path:
    """A file that takes all the space but a little."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        while (left := shutil.disk_usage(disk).free - but) > 0:
            file.write(bytes(min(left, MEGABYTE)))
            file.flush()
    return ballast
