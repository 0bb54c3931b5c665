"""push and pull as people run them, against MLflow's own server."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.mlflow_server import MlflowServer
from tests.backend import real
from tests.integration.pushing import TEXTS, environment, refused, run, service

__all__ = ["service"]

pytestmark = pytest.mark.server


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


def test_a_registry_that_is_not_named_is_one_line(service: str) -> None:
    assert "set MLFLOW_TRACKING_URI" in refused(service, {}, "push", "--to", "mlflow:topics")
