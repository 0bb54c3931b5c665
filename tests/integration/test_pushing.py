"""push and pull as people run them, against stand-ins for the stores of three clouds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from labelwheel.backend.app import create_app
from labelwheel.backend.settings import Settings
from testkit.clouds import Azurite, Cloud, GoogleStorage, Moto
from testkit.mlflow_server import MlflowServer
from tests.backend import real
from tests.backend.serving.fakes import FakeEngine
from tests.backend.stage import Stage

pytestmark = pytest.mark.server

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
    server = make_server("127.0.0.1", 0, create_app(stage.settings, FakeEngine(), start=False), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    stage.database.dispose()


@pytest.fixture(scope="module", params=[Moto, Azurite, GoogleStorage], ids=lambda cloud: cloud.scheme)
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    with request.param() as cloud:
        yield cloud


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


@pytest.fixture(scope="module")
def registry() -> Iterator[MlflowServer]:
    with MlflowServer() as server:
        yield server


def test_mlflow_has_a_champion_that_its_own_loaders_load(service: str, registry: MlflowServer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        code, said = run(service, registry.environment, "push", "--to", "mlflow:topics")
        assert (code, said) == (0, "n1 is at mlflow:topics@1\n"), "again, and nothing is different"
    code = """if True:
        import json, sys
        import mlflow
        model = mlflow.transformers.load_model("models:/topics@champion")
        plain = mlflow.pyfunc.load_model("models:/topics/1")
        texts = json.loads(sys.argv[1])
        print(json.dumps([[one["label"] for one in model(texts)], list(plain.predict(texts)["label"])]))"""
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(TEXTS)], capture_output=True, text=True, timeout=300,
        env={**environment(service, registry.environment), "PYTHONPATH": ""}, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [["parcel lost", "refund wanted"]] * 2
    for which in ("", "@champion", "@1"):
        shutil.rmtree(out, ignore_errors=True)
        code, said = run(service, registry.environment, "pull", "--from", f"mlflow:topics{which}", "--out", out)
        assert (code, said) == (0, f"n1 is in {out}\n")
    assert (out / "model.safetensors").read_bytes() == (real.store() / "n1" / "model.safetensors").read_bytes()


def test_another_version_than_the_champion_gets_no_alias(service: str, registry: MlflowServer, tmp_path: Path) -> None:
    code, said = run(service, registry.environment, "push", "--version", "n1", "--to", "mlflow:others")
    assert (code, said) == (0, "n1 is at mlflow:others@1\n")
    for place in ("mlflow:others", "mlflow:others@7", "mlflow:nothing"):
        said = refused(service, registry.environment, "pull", "--from", place, "--out", tmp_path / "out")
        assert "MLflow has no such model or version" in said
    assert not list(tmp_path.iterdir())


def test_a_registry_that_is_away_or_not_named_is_one_line(service: str, registry: MlflowServer) -> None:
    away = {**registry.environment, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    assert "has not answered for 30 s" in refused(service, away, "push", "--to", "mlflow:topics")
    known = {name: value for name, value in registry.environment.items() if name != "MLFLOW_TRACKING_URI"}
    assert "set MLFLOW_TRACKING_URI" in refused(service, known, "push", "--to", "mlflow:topics")
