"""Each rule is broken once, in each way that it knows: a rule that sees nothing would be no rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.deploy.manifests import Manifest, containers, of, overlay, pods
from tests.deploy.rules import (
    Rule,
    only_who_asks_the_cluster_has_a_token,
    pods_are_restricted,
    pods_end_in_time,
    probes_have_routes,
    resources_are_bounded,
    secrets_are_references,
    selectors_select,
    settings_are_real,
    the_database_is_ready_first,
)

PART = "app.kubernetes.io/component"


def the(manifests: list[Manifest], kind: str) -> Manifest:
    return next(each for each in of(manifests, kind) if each["metadata"]["name"].startswith("labelwheel"))


def web(manifests: list[Manifest]) -> Manifest:
    return dict(pods(manifests))["labelwheel-web"]["spec"]


def container(manifests: list[Manifest]) -> Manifest:
    return dict(containers(manifests))["labelwheel-web/web"]


def variable(manifests: list[Manifest], name: str) -> Manifest:
    return next(each for each in container(manifests)["env"] if each["name"] == name)


MISTAKES: list[tuple[Rule, Callable[[list[Manifest]], Any]]] = [
    (pods_are_restricted, lambda m: web(m)["securityContext"].pop("runAsNonRoot")),
    (pods_are_restricted, lambda m: web(m)["securityContext"].pop("seccompProfile")),
    (pods_are_restricted, lambda m: web(m).update(hostNetwork=True)),
    (pods_are_restricted, lambda m: web(m)["volumes"].append({"name": "x", "hostPath": {"path": "/"}})),
    (pods_are_restricted, lambda m: container(m)["securityContext"].pop("readOnlyRootFilesystem")),
    (pods_are_restricted, lambda m: container(m)["securityContext"].pop("allowPrivilegeEscalation")),
    (pods_are_restricted, lambda m: container(m)["securityContext"].pop("capabilities")),
    (pods_are_restricted, lambda m: container(m)["volumeMounts"].pop()),
    (secrets_are_references, lambda m: m.append({"kind": "Secret", "metadata": {"name": "x"}})),
    (secrets_are_references, lambda m: the(m, "ConfigMap")["data"].update(LABELWHEEL_TOKEN="x")),
    (secrets_are_references, lambda m: container(m)["env"].append({"name": "PGPASSWORD", "value": "x"})),
    (secrets_are_references, lambda m: variable(m, "LABELWHEEL_TOKEN")["valueFrom"]["secretKeyRef"].clear()),
    (settings_are_real, lambda m: container(m)["env"].append({"name": "LABELWHEEL_STOER", "value": "x"})),
    (settings_are_real, lambda m: the(m, "ConfigMap")["data"].update(LABELWHEEL_TRUSTED_PROXIES="none")),
    (settings_are_real, lambda m: the(m, "ConfigMap")["data"].update(LABELWHEEL_SERVING_THREADS="1")),
    (probes_have_routes, lambda m: container(m)["livenessProbe"]["httpGet"].update(path="/alive")),
    (probes_have_routes, lambda m: container(m)["livenessProbe"]["httpGet"].update(path="/health")),
    (probes_have_routes, lambda m: container(m)["livenessProbe"]["httpGet"].update(path="/ready")),
    (probes_have_routes, lambda m: container(m)["readinessProbe"]["httpGet"].update(port="web")),
    (probes_have_routes, lambda m: container(m).pop("startupProbe")),
    (pods_end_in_time, lambda m: web(m).update(terminationGracePeriodSeconds=20)),
    (pods_end_in_time, lambda m: container(m).pop("lifecycle")),
    (selectors_select, lambda m: the(m, "Service")["spec"]["selector"].update({PART: "x"})),
    (selectors_select, lambda m: the(m, "Service")["spec"]["selector"].pop(PART)),
    (selectors_select, lambda m: the(m, "Service")["metadata"]["labels"].clear()),
    (selectors_select, lambda m: the(m, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"].clear()),
    (selectors_select, lambda m: of(m, "Deployment", "labelwheel-web")[0]["spec"].update(replicas=2)),
    (resources_are_bounded, lambda m: container(m)["resources"].pop("limits")),
    (resources_are_bounded, lambda m: container(m)["env"].remove(variable(m, "LABELWHEEL_SERVING_THREADS"))),
    (resources_are_bounded, lambda m: web(m)["volumes"][0]["emptyDir"].pop("sizeLimit")),
    (the_database_is_ready_first, lambda m: web(m).pop("initContainers")),
    (the_database_is_ready_first, lambda m: container(m)["env"].remove(variable(m, "LABELWHEEL_DATABASE"))),
    (only_who_asks_the_cluster_has_a_token, lambda m: web(m).update(automountServiceAccountToken=True)),
    (only_who_asks_the_cluster_has_a_token, lambda m: web(m).update(serviceAccountName="default")),
    (only_who_asks_the_cluster_has_a_token, lambda m: the(m, "ServiceAccount").pop("automountServiceAccountToken")),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "mistake"), MISTAKES, ids=lambda each: getattr(each, "__name__", "")[:30])
def test_a_rule_catches_what_breaks_it(rule: Rule, mistake: Callable[[list[Manifest]], Any]) -> None:
    manifests = overlay("several")
    mistake(manifests)
    assert list(rule(manifests))
