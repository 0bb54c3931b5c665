"""What the tests of push and pull share: a service with a real champion, and its command as people run it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from labelwheel.backend.app import create_app
from labelwheel.backend.settings import Settings
from testkit.wsgi_server import serving
from tests.backend import real
from tests.backend.serving.fakes import FakeEngine
from tests.backend.stage import Stage

TEXTS = ["where is my parcel", "I want my money back"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service whose champion is a real one of 90 MB, which goes up in parts; its address."""
    stage = Stage(Settings(home=tmp_path_factory.mktemp("home")))
    folder = stage.settings.checkpoints.folder
    assert folder is not None
    folder.mkdir(parents=True)
    shutil.copytree(real.store() / "n1", folder / "n1")
    stage.connect("topic")
    stage.promote({"topic": "n1"})
    with serving(create_app(stage.settings, FakeEngine(), start=False)) as url:
        yield url
    stage.database.dispose()


def environment(service: str, more: Mapping[str, str]) -> dict[str, str]:
    known = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "AZURE_", "LABELWHEEL", "MLFLOW_"))
    }
    return {**known, "LABELWHEEL_URL": service, **more}


def start(service: str, more: Mapping[str, str], *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "labelwheel.backend.cli", *map(str, arguments)], env=environment(service, more),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(service: str, more: Mapping[str, str], *arguments: object) -> tuple[int, str]:
    """The exit status, and what was said; of a failure one line."""
    process = start(service, more, *arguments)
    out, error = process.communicate(timeout=300)
    if process.returncode:
        assert error.startswith("labelwheel: "), error
        assert error.count("\n") == 1, error
        assert not out, out
        return process.returncode, error
    return 0, out


def refused(service: str, more: Mapping[str, str], *arguments: object) -> str:
    code, said = run(service, more, *arguments)
    assert code == 1, said
    return said
