"""Who may call whom, as the policies have it: default deny, and what is opened is a port that somebody listens on."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.deploy.manifests import Manifest, configuration, containers, of, overlay, pods, selected

JOB = {"jobset.sigs.k8s.io/jobset-name": "lw-7"}
OUTSIDE = {"labelwheel/calls": "allowed"}


def labels(manifests: list[Manifest], name: str) -> dict[str, str]:
    return dict(dict(pods(manifests))[name]["metadata"]["labels"])


def opened(manifests: list[Manifest], direction: str, pod: dict[str, str]) -> list[dict[str, Any]]:
    """Every rule of the policies that select the pod; they add up."""
    found = []
    for each in of(manifests, "NetworkPolicy"):
        if direction in each["spec"]["policyTypes"] and selected(each["spec"]["podSelector"], pod):
            found += each["spec"].get(direction.lower(), [])
    return found


def ports(
    rules: list[dict[str, Any]], peer: dict[str, str] | None = None, namespace: dict[str, str] | None = None
) -> set[Any]:
    """Those that are open to a pod of the same namespace, or to a namespace; both None: to anywhere."""
    found = set()
    for rule in rules:
        peers = rule.get("to", rule.get("from"))
        met = peers is None or any(
            (
                peer is not None
                and "podSelector" in each
                and "namespaceSelector" not in each
                and selected(each["podSelector"], peer)
            )
            or (
                namespace is not None and "namespaceSelector" in each and selected(each["namespaceSelector"], namespace)
            )
            for each in peers
        )
        if met:
            found |= {each["port"] for each in rule["ports"]}
    return found


@pytest.mark.parametrize("name", ["single", "several", "kubeflow"])
def test_what_is_not_named_is_shut_both_ways(name: str) -> None:
    (all_pods,) = (
        each
        for each in of(overlay(name), "NetworkPolicy")
        if not each["spec"]["podSelector"] and len(each["spec"]["policyTypes"]) == 2
    )
    assert set(all_pods["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    assert not {"ingress", "egress"} & set(all_pods["spec"])


@pytest.mark.parametrize("name", ["several", "kubeflow"])
def test_only_those_who_have_to_reach_the_web_process(name: str) -> None:
    manifests = overlay(name)
    web, worker = labels(manifests, "labelwheel-web"), labels(manifests, "labelwheel-worker")
    rules = opened(manifests, "Ingress", web)
    assert ports(rules, worker) == {"http"}
    assert ports(rules, namespace=OUTSIDE) == {"http"}
    assert ports(rules, namespace={"kubernetes.io/metadata.name": "monitoring"}) == {"http"}
    assert ports(rules, {"app": "another"}) == set()
    assert ports(rules, namespace={"kubernetes.io/metadata.name": "another"}) == set()
    assert ports(rules, JOB) == ({"http"} if name == "kubeflow" else set())
    assert opened(manifests, "Ingress", worker) == [], "nobody calls a worker"


def test_where_pods_may_go() -> None:
    manifests = overlay("kubeflow")
    web, worker = labels(manifests, "labelwheel-web"), labels(manifests, "labelwheel-worker")
    names = {"kubernetes.io/metadata.name": "kube-system"}
    outside = {5432, 443, 8080, 6900}
    assert ports(opened(manifests, "Egress", web)) == outside
    assert ports(opened(manifests, "Egress", worker)) == outside | {6443}
    assert ports(opened(manifests, "Egress", worker), web) == outside | {6443, "http"}
    assert ports(opened(manifests, "Egress", JOB)) == {443}
    assert ports(opened(manifests, "Egress", JOB), web) == {443, "http"}
    assert ports(opened(manifests, "Egress", JOB), JOB) == {443, 1024}, "pods of a job average gradients"
    assert ports(opened(manifests, "Ingress", JOB), JOB) == {1024}
    assert ports(opened(manifests, "Ingress", JOB), worker) == set()
    for pod in (web, worker, JOB):
        assert 53 in ports(opened(manifests, "Egress", pod), namespace=names)


@pytest.mark.parametrize("name", ["single", "several", "kubeflow"])
def test_ports_that_are_named_are_there(name: str) -> None:
    manifests = overlay(name)
    listened = {
        port["name"]: port["containerPort"] for _, each in containers(manifests) for port in each.get("ports", ())
    }
    assert listened == {"http": 9090}
    rules = [
        rule
        for each in of(manifests, "NetworkPolicy")
        for way in ("ingress", "egress")
        for rule in each["spec"].get(way, ())
    ]
    named = {port["port"] for rule in rules for port in rule["ports"] if isinstance(port["port"], str)}
    assert named == set(listened)
    (service,) = of(manifests, "Service")
    assert [(each["port"], each["targetPort"]) for each in service["spec"]["ports"]] == [(9090, "http")]
    for route in of(manifests, "HTTPRoute"):
        (reference,) = route["spec"]["rules"][0]["backendRefs"]
        assert reference == {"name": service["metadata"]["name"], "port": 9090}
    for monitor in of(manifests, "ServiceMonitor"):
        assert [each["port"] for each in monitor["spec"]["endpoints"]] == ["http"]


@pytest.mark.parametrize("name", ["single", "several", "kubeflow"])
def test_whoever_calls_the_web_process_finds_it_and_may(name: str) -> None:
    manifests = overlay(name)
    url, found = urlsplit(configuration(manifests)["LABELWHEEL_URL"]), dict(pods(manifests))
    if "labelwheel-worker" not in found:
        assert (url.hostname, url.port) == ("127.0.0.1", 9090), "web and worker are one pod"
        return
    assert (url.hostname, url.port) == (of(manifests, "Service")[0]["metadata"]["name"], 9090)
    web, worker = labels(manifests, "labelwheel-web"), labels(manifests, "labelwheel-worker")
    assert "http" in ports(opened(manifests, "Egress", worker), web) & ports(opened(manifests, "Ingress", web), worker)
