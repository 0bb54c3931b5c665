"""push and pull as people run them, against stand-ins for the stores of three clouds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.clouds import Azurite, Cloud, GoogleStorage, Moto
from tests.backend import real
from tests.integration.pushing import TEXTS, refused, run, service, start

__all__ = ["service"]

pytestmark = pytest.mark.server


@pytest.fixture(scope="module", params=[Moto, Azurite, GoogleStorage], ids=lambda cloud: cloud.scheme)
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    with request.param() as cloud:
        yield cloud


def predicted(model: Path | str) -> list[str]:
    """What transformers alone says, in a process of its own."""
    code = (
        "import json, sys; from transformers import pipeline; model = pipeline('text-classification', sys.argv[1]); "
        "print(json.dumps([one['label'] for one in model(json.loads(sys.argv[2]))]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model), json.dumps(TEXTS)], check=True, capture_output=True, text=True,
        timeout=300, env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""},
    )  # fmt: skip
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_champion_goes_there_and_comes_back_for_transformers_alone(
    service: str, cloud: Cloud, tmp_path: Path
) -> None:
    bucket, out = cloud.bucket("there-and-back"), tmp_path / "out"
    code, said = run(service, cloud.environment, "push", "--to", f"{bucket}/models")
    assert (code, said) == (0, f"n1 is at {bucket}/models/n1\n")
    code, said = run(service, cloud.environment, "push", "--to", f"{bucket}/models/")
    assert (code, said) == (0, f"n1 is at {bucket}/models/n1\n"), "again, and nothing is different"
    code, said = run(service, cloud.environment, "pull", "--from", f"{bucket}/models/n1", "--out", out)
    assert (code, said) == (0, f"n1 is in {out}\n")
    assert (out / "model.safetensors").read_bytes() == (real.store() / "n1" / "model.safetensors").read_bytes()
    assert predicted(out) == ["parcel lost", "refund wanted"]


def test_no_such_bucket_or_model_is_one_line_and_nothing_is_left(service: str, cloud: Cloud, tmp_path: Path) -> None:
    said = refused(service, cloud.environment, "push", "--to", f"{cloud.scheme}://nowhere-at-all/models")
    assert f"there is no {cloud.scheme}://nowhere-at-all" in said
    assert "make it first" in said
    bucket, out = cloud.bucket("empty"), tmp_path / "out"
    said = refused(service, cloud.environment, "pull", "--from", f"{bucket}/models/n1", "--out", out)
    assert f"no whole model is at {bucket}/models/n1" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("cloud", [Moto, GoogleStorage])  # one that gives up by itself, and one that would go on
def test_no_such_host_is_one_line(service: str, cloud: type[Cloud]) -> None:
    away = cloud(port=9)
    began = time.monotonic()
    said = refused(service, away.environment, "push", "--to", f"{away.scheme}://bucket/models")
    assert "cannot be read or written" in said or "has not answered for 30 s" in said
    assert "check the network" in said
    assert time.monotonic() - began < 60


@pytest.fixture(scope="module")
def guarded() -> Iterator[Moto]:
    with Moto(checks=True) as cloud:
        yield cloud


@pytest.mark.parametrize("key", [None, "not-the-key"])
def test_wrong_credentials_of_s3_are_one_line(service: str, guarded: Moto, key: str | None) -> None:
    there = guarded.environment
    where = f"{guarded.bucket('guarded-' + str(key).lower())}/models"
    wrong = {name: value for name, value in there.items() if key or "KEY" not in name}
    if key:
        wrong["AWS_SECRET_ACCESS_KEY"] = key
    wrong |= {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}
    said = refused(service, wrong, "push", "--to", where)
    assert "credentials" in said
    assert there["AWS_SECRET_ACCESS_KEY"] not in said
    assert run(service, there, "push", "--to", where)[0] == 0, "with the right ones it goes there"


def test_wrong_credentials_of_azure_are_one_line(service: str) -> None:
    with Azurite() as cloud:
        where, there = f"{cloud.bucket('guarded')}/models", cloud.environment
        wrong = {name: value.replace("AccountKey=E", "AccountKey=F") for name, value in there.items()}
        said = refused(service, wrong, "push", "--to", where)
        assert "credentials" in said
        assert "AccountKey" not in said


def test_a_push_that_is_killed_leaves_nothing_that_looks_whole(service: str, tmp_path: Path) -> None:
    with Moto() as cloud:
        bucket, out = cloud.bucket("killed"), tmp_path / "out"
        process = start(service, cloud.environment, "push", "--to", bucket)
        deadline = time.monotonic() + 120
        while not cloud.names("killed"):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        half = cloud.names("killed")
        assert half, "it was in the middle"
        assert "n1/labelwheel-files.json" not in half
        said = refused(service, cloud.environment, "pull", "--from", f"{bucket}/n1", "--out", out)
        assert "no whole model" in said
        assert not list(tmp_path.iterdir())
        assert run(service, cloud.environment, "push", "--to", bucket)[0] == 0
        assert run(service, cloud.environment, "pull", "--from", f"{bucket}/n1", "--out", out)[0] == 0
