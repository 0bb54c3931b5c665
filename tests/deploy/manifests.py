"""What `kubectl apply -k` would send: a kustomization as it is rendered, without a cluster."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "deploy" / "kubernetes"
OVERLAYS = sorted(path.name for path in (PLACE / "overlays").iterdir())
COMPONENTS = sorted(path.name for path in (PLACE / "components").iterdir())

Manifest = dict[str, Any]


def kubectl() -> str:
    """That of this environment, which `make install` puts there where none was installed that will do."""
    own = Path(sysconfig.get_path("scripts")) / "kubectl"
    found = str(own) if own.exists() else shutil.which("kubectl")
    if found is None:
        pytest.fail("there is no kubectl: run `make install`", pytrace=False)
    return found


@cache
def _text(folder: Path) -> str:
    done = subprocess.run([kubectl(), "kustomize", folder], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(folder: Path) -> list[Manifest]:
    """All of it, to be changed as one likes."""
    return list(yaml.safe_load_all(_text(folder)))


def overlay(name: str) -> list[Manifest]:
    return rendered(PLACE / "overlays" / name)


def with_component(name: str, folder: Path) -> list[Manifest]:
    """The base with one component alone."""
    place = folder / "kubernetes"
    shutil.copytree(PLACE, place)
    (place / "tried").mkdir()
    (place / "tried" / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "resources": ["../base"],
                "components": [f"../components/{name}"],
            }
        )
    )
    return rendered(place / "tried")


def of(manifests: list[Manifest], kind: str, name: str | None = None) -> list[Manifest]:
    return [each for each in manifests if each["kind"] == kind and name in (None, each["metadata"]["name"])]


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """The template of each workload's pods, by its name."""
    for each in manifests:
        if each["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield each["metadata"]["name"], each["spec"]["template"]


def containers(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """By a name such as labelwheel-web/migrate."""
    for name, pod in pods(manifests):
        for each in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
            yield f"{name}/{each['name']}", each


def configuration(manifests: list[Manifest]) -> Mapping[str, str]:
    (found,) = of(manifests, "ConfigMap")
    data: Mapping[str, str] = found["data"]
    return data


def selected(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector takes something with these labels."""
    equal = all(labels.get(name) == value for name, value in (selector.get("matchLabels") or {}).items())
    return equal and all(_met(each, labels) for each in selector.get("matchExpressions") or ())


def _met(expression: Manifest, labels: Mapping[str, str]) -> bool:
    if expression["operator"] == "Exists":
        return expression["key"] in labels
    assert expression["operator"] == "In"
    return labels.get(expression["key"]) in expression["values"]
