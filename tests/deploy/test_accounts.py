"""The worker's account may do what the launcher asks of the cluster, and nothing besides."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from labelwheel.training.launchers.base import Site, Task
from labelwheel.training.launchers.kubeflow import launcher
from labelwheel.training.questions import Kind, Option, Question
from labelwheel.training.spec import JobSpec
from testkit.kubernetes import Kubernetes
from tests.deploy.manifests import of, overlay

VERBS = {"POST": "create", "DELETE": "delete"}
Right = tuple[str, str, str]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[Right]:
    """What jobs ask of the cluster, that cannot be pulled or have no quota: group, resource, verb."""
    store, found = f"file://{tmp_path}/store", set[Right]()
    question = Question(name="q", kind=Kind.CHOICE, inputs=("text",), options=(Option(value="a"), Option(value="b")))
    with Kubernetes(Path(sys.executable)) as cluster:
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig(tmp_path)))
        monkeypatch.setenv("LABELWHEEL_STORE", store)
        monkeypatch.setenv("LABELWHEEL_KUBEFLOW_IMAGE", "registry.test/labelwheel:1")
        made = launcher.launcher(Site(str(tmp_path / "jobs")))
        made.check()
        for version, trouble in (("lw-1-0003-Ab", "image"), ("lw-1-0004-Ab", "quota")):
            cluster.trouble = trouble
            spec = JobSpec(
                version=version, question=question, data=f"{store}/data.jsonl", output=f"{store}/{version}",
                failure=f"{store}/failed.json", max_minutes=30.0,
            )  # fmt: skip
            handle = made.submit([Task("7", spec, None, None)])
            made.poll(handle)
            made.logs(handle, "7")
            made.cancel(handle)
        made.end_strays("9")
        found |= {right for method, path in cluster.asked if (right := _right(method, path))}
    return found


def _right(method: str, path: str) -> Right | None:
    """None for what needs none, or is done without: the API's own description, and the trainer's version."""
    parts = re.fullmatch(r"/(?:api|apis/([\w.]+))/v\w+(?:/namespaces/([\w-]+))?/([a-z]+)(/[^/]+)?(?:/([a-z]+))?", path)
    if parts is None or parts[2] == "kubeflow-system":
        return None
    resource = f"{parts[3]}/{parts[5]}" if parts[5] else parts[3]
    return parts[1] or "", resource, VERBS.get(method, "get" if parts[4] else "list")


def allowed() -> set[Right]:
    manifests = overlay("kubeflow")
    bound = {
        each["roleRef"]["name"]: each for kind in ("RoleBinding", "ClusterRoleBinding") for each in of(manifests, kind)
    }
    found: set[Right] = set()
    for kind in ("Role", "ClusterRole"):
        for role in of(manifests, kind):
            (subject,) = bound[role["metadata"]["name"]]["subjects"]
            assert subject == {"kind": "ServiceAccount", "name": "labelwheel-worker", "namespace": "labelwheel"}
            assert bound[role["metadata"]["name"]]["roleRef"]["kind"] == kind
            found |= {(group, resource, verb) for rule in role["rules"] for group in rule["apiGroups"]
                      for resource in rule["resources"] for verb in rule["verbs"]}  # fmt: skip
    return found


def test_the_account_may_do_what_the_launcher_asks(asked: set[Right]) -> None:
    assert len(asked) > 4
    assert not asked - allowed()


def test_it_may_do_nothing_besides(asked: set[Right]) -> None:
    assert not allowed() - asked
