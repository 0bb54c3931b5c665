"""A push to a registry that refuses: one line, and no version. What works, the real server is asked in integration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask, request

from labelwheel.backend.errors import InvalidRequest, PushFailed
from labelwheel.backend.publishing import inventory, model_registry
from labelwheel.backend.publishing.destination import destination
from testkit.wsgi_server import serving
from tests.backend.publishing.models import LABELS, write


class Registry:
    """Answers as MLflow does until a version is made; `refuses` has the status of calls whose path ends so."""

    def __init__(self) -> None:
        self.refuses: dict[str, int] = {}
        self.calls: list[str] = []
        self.app = Flask("registry")
        self.app.add_url_rule("/<path:path>", view_func=self._answer, methods=["GET", "POST", "PUT"])

    def _answer(self, path: str) -> Any:
        self.calls.append(f"{request.method} {path}")
        for part, status in self.refuses.items():
            if part in path:
                return "refused, as a proxy or MLflow itself says it", status
        if path.endswith("experiments/create"):
            return {"experiment_id": "1"}
        if path.endswith(("runs/create", "runs/get")):
            info = {"run_id": "r1", "run_uuid": "r1", "experiment_id": "1", "status": "RUNNING", "start_time": 1}
            return {"run": {"info": {**info, "artifact_uri": "mlflow-artifacts:/1/r1/artifacts"}, "data": {}}}
        if path.endswith("get-by-name"):
            return {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none of that name"}, 404
        return {}


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    found = Registry()
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "a-secret-token")
    with serving(found.app) as url:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        yield found


@pytest.mark.parametrize(
    ("refuses", "said"),
    [
        ({"": 401}, "does not let these credentials in: set MLFLOW_TRACKING_USERNAME"),
        ({"runs/create": 403}, "these credentials may not do that"),
        ({"mlflow-artifacts": 507}, "has no space for it: .*make room there, nothing was registered"),
    ],
)
def test_what_is_refused_is_one_line_and_no_version(
    registry: Registry, tmp_path: Path, refuses: dict[str, int], said: str
) -> None:
    registry.refuses = refuses
    folder = write(tmp_path / "model")
    with pytest.raises(PushFailed, match=said) as failed:
        destination("mlflow:topics").push(folder, inventory.of(folder, "n1"))
    assert "\n" not in str(failed.value)
    assert "a-secret-token" not in str(failed.value)
    assert not [call for call in registry.calls if "model-versions/create" in call]


def test_the_folder_is_one_that_mlflow_describes(tmp_path: Path) -> None:
    folder = write(tmp_path / "model")
    model_registry._write(folder, inventory.of(folder, "n1"), tmp_path / "out")
    said = yaml.safe_load((tmp_path / "out/MLmodel").read_text())["flavors"]["transformers"]
    assert (said["task"], said["pipeline_model_type"]) == ("text-classification", "BertForSequenceClassification")
    assert (tmp_path / "out" / said["model_binary"] / "model.safetensors").is_file()
    assert (tmp_path / "out/components/tokenizer/tokenizer.json").is_file()
    from mlflow.transformers import load_model

    found = load_model(str(tmp_path / "out"))(["is my parcel lost"])
    assert found[0]["label"] in LABELS


@pytest.mark.parametrize("address", ["mlflow:", "mlflow:a/b", "mlflow:a'b", "mlflow:a@", "mlflow:a@b c"])
def test_what_is_no_name_is_said(address: str) -> None:
    with pytest.raises(InvalidRequest):
        destination(address)


def test_a_push_names_its_version_itself(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="leave what follows the @ away"):
        destination("mlflow:a@1").push(tmp_path, inventory.of(tmp_path, "n1"))
