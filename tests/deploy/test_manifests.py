"""The manifests of deploy/kubernetes as they are rendered: their schemas, and what holds for each installation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.prometheus_operator.v1 import ServiceMonitor
from pydantic import BaseModel, ConfigDict

from tests.deploy import rules
from tests.deploy.manifests import (
    COMPONENTS,
    OVERLAYS,
    PLACE,
    ROOT,
    Manifest,
    containers,
    of,
    overlay,
    pods,
    with_component,
)
from tests.deploy.rules import RULES, Rule

VERSIONS = ("1.30", "1.37")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Timeouts(Strict):
    request: str
    backendRequest: str


class RouteRule(Strict):
    matches: list[Any]
    backendRefs: list[Any]
    timeouts: Timeouts


class RouteSpec(Strict):
    parentRefs: list[Any]
    hostnames: list[str]
    rules: list[RouteRule]


class HTTPRoute(Strict):
    """What we use of the Gateway API's, for which no package on the index has models."""

    apiVersion: str
    kind: str
    metadata: dict[str, Any]
    spec: RouteSpec


def check_schema(manifest: Manifest, version: str) -> None:
    """Raises where a field is unknown or of a wrong type, as an API server would refuse it."""
    if manifest["kind"] == "ServiceMonitor":
        kept = ServiceMonitor.model_validate(manifest).model_dump(mode="json", by_alias=True, exclude_none=True)
        assert kept == manifest, "a field that the Prometheus Operator does not know"
    elif manifest["kind"] == "HTTPRoute":
        HTTPRoute.model_validate(manifest)
    else:
        assert kubernetes_validate.validate(manifest, version, strict=True) == version


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OVERLAYS)
def test_everything_follows_its_schema(name: str, version: str) -> None:
    manifests = overlay(name)
    assert len({(each["kind"], each["metadata"]["name"]) for each in manifests}) == len(manifests) > 8
    for manifest in manifests:
        check_schema(manifest, version)


@pytest.mark.parametrize(
    "kind", ["Deployment", "ServiceMonitor", "HTTPRoute", "NetworkPolicy", "HorizontalPodAutoscaler"]
)
def test_a_misspelt_field_is_refused(kind: str) -> None:
    manifest = of(overlay("several"), kind)[0]
    manifest["spec"]["mistake"] = "here"
    with pytest.raises((AssertionError, ValueError, kubernetes_validate.ValidationError)):
        check_schema(manifest, VERSIONS[-1])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("name", OVERLAYS)
def test_no_installation_breaks_a_rule(name: str, rule: Rule) -> None:
    assert list(rule(overlay(name))) == []


@pytest.mark.parametrize("name", COMPONENTS)
def test_no_component_breaks_a_rule(name: str, tmp_path: Path) -> None:
    manifests = with_component(name, tmp_path)
    assert [broken for rule in RULES for broken in rule(manifests)] == []
    for manifest in manifests:
        check_schema(manifest, VERSIONS[-1])


def test_what_is_written_is_what_the_image_writes() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for name, place in (("HOME", "/home/labelwheel"), ("LABELWHEEL_HOME", "/data"), ("HF_HOME", "/data/hub")):
        assert re.search(rf"^\s*(ENV )?{name}={re.escape(place)}\b", lines, re.MULTILINE), name
        assert any(place.startswith(each) for each in rules.WRITTEN)
    entry = re.search(r'^ENTRYPOINT \["([\w-]+)"\]$', lines, re.MULTILINE)
    assert entry, "`args` come after it"


def test_several_pods_share_a_store_and_no_disk() -> None:
    for name in ("several", "kubeflow"):
        manifests = overlay(name)
        (found,) = of(manifests, "ConfigMap")
        assert re.match(r"(s3|gs|az)://", found["data"]["LABELWHEEL_STORE"])
        assert not of(manifests, "PersistentVolumeClaim")
    alone = overlay("single")
    assert [each["spec"]["replicas"] for each in of(alone, "Deployment")] == [1]
    assert of(alone, "Deployment")[0]["spec"]["strategy"] == {"type": "Recreate"}
    assert (
        dict(pods(alone))["labelwheel-web"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
        == of(alone, "PersistentVolumeClaim")[0]["metadata"]["name"]
    )


def test_jobs_run_the_image_that_a_pod_runs() -> None:
    manifests = overlay("kubeflow")
    (found,) = of(manifests, "ConfigMap")
    assert found["data"]["LABELWHEEL_KUBEFLOW_IMAGE"] in {each["image"] for _, each in containers(manifests)}
    images = {name: each["image"].rpartition(":")[2] for name, each in containers(manifests)}
    assert images["labelwheel-web/web"].endswith("-gpu")
    assert dict(containers(manifests))["labelwheel-web/web"]["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_the_secret_that_the_page_makes_has_each_key_that_is_asked_for() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    assert set(re.findall(r"--from-literal=([\w-]+)=", page)) == rules.NAMED_KEYS
    named = [
        each["valueFrom"]["secretKeyRef"]["key"]
        for name in OVERLAYS
        for _, one in containers(overlay(name))
        for each in one["env"]
        if "secretKeyRef" in each.get("valueFrom", {})
    ]
    assert set(named) == rules.NAMED_KEYS


def test_no_file_of_it_is_forgotten() -> None:
    """Each is named by a kustomization, or by the page."""
    told = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    for path in PLACE.rglob("*"):
        if path.is_file() and path.name != "kustomization.yaml":
            listed = (path.parent / "kustomization.yaml").read_text(encoding="utf-8")
            assert path.name in listed.replace("# ", "") or path.name in told, path
    for name in (*COMPONENTS, *OVERLAYS):
        assert f"`{name}`" in told, name
        assert yaml.safe_load(next((PLACE).glob(f"*/{name}/kustomization.yaml")).read_text())["kind"]
