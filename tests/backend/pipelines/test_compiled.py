"""The compiled pipeline that is checked in is the one that the code makes, and asks for nothing that cannot be had."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from labelwheel.backend.pipelines.__main__ import COMPILED
from testkit import pipelines


@pytest.fixture(scope="module")
def documents() -> tuple[dict[str, Any], dict[str, Any]]:
    """The pipeline, and what is Kubernetes' own of it."""
    spec, platform = yaml.safe_load_all(COMPILED.read_text(encoding="utf-8"))
    return spec, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def tasks(spec: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each step, however deep it lies."""
    if isinstance(spec, dict):
        for name, each in spec.get("tasks", {}).items():
            if not each["componentRef"]["name"].startswith("comp-exit-handler"):
                yield name, each
        for each in spec.values():
            yield from tasks(each)


def test_it_is_what_the_code_makes(tmp_path: Path) -> None:
    made = tmp_path / "labelwheel.yaml"
    subprocess.run(
        [pipelines.python(), "-m", "labelwheel.backend.pipelines", str(made)],
        env=pipelines.python_path(tmp_path), cwd=tmp_path, check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    assert made.read_text() == COMPILED.read_text(), "run `make pipeline`"


def test_each_step_is_never_cached_and_tried_once_more(documents: Any) -> None:
    spec, _ = documents
    found = dict(tasks(spec))
    assert set(found) == {"export-labels", "tune", "train", "evaluate", "gate", "promote", "close"}
    for name, each in found.items():
        assert not each["cachingOptions"], f"{name} may be cached"
        assert each["retryPolicy"]["maxRetryCount"] == 1
    assert found["close"]["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"


def test_each_step_has_the_token_from_a_secret_and_nothing_to_install(documents: Any) -> None:
    spec, platform = documents
    for name, each in spec["deploymentSpec"]["executors"].items():
        (secret,) = platform[name]["secretAsEnv"]
        assert secret["keyToEnv"] == [{"envVar": "LABELWHEEL_TOKEN", "secretKey": "token"}]
        # as the graph that the step lies in calls the parameter
        given = "secret" if name == "exec-close" else "pipelinechannel--secret"
        assert secret["secretNameParameter"] == {"componentInputParameter": given}
        container = each["container"]
        assert container["image"] == "{{$.inputs.parameters['pipelinechannel--image']}}"
        assert "pip install" not in str(container["command"])
