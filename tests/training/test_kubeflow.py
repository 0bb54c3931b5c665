"""TrainJobs of Kubeflow, against an API server that keeps their schema and runs their commands as processes."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labelwheel.backend.rounds import launchers
from labelwheel.backend.settings import Settings
from labelwheel.training import places
from labelwheel.training.errors import InvalidJob, LauncherUnreachable, LauncherUnusable
from labelwheel.training.launchers.base import Phase, Site, State, Task
from labelwheel.training.launchers.kubeflow import configuration, launcher, trainjobs
from labelwheel.training.launchers.kubeflow.launcher import Handle, KubeflowLauncher
from labelwheel.training.spec import JobSpec
from labelwheel.training.spec_place import SPEC
from labelwheel.training.testing.labelled_texts import TOPIC
from labelwheel.training.testing.launchers import LauncherConformance
from testkit.kubernetes import NAMESPACE, Kubernetes

SETTINGS = {
    "LABELWHEEL_KUBEFLOW_IMAGE": "registry.test/labelwheel:1",
    "LABELWHEEL_KUBEFLOW_NODE_SELECTOR": "gpu-class=l4, zone=a",
    "LABELWHEEL_KUBEFLOW_GPUS": "1",
    "LABELWHEEL_KUBEFLOW_QUEUE": "labelling",
    "LABELWHEEL_KUBEFLOW_SERVICE_ACCOUNT": "trainer",
    "LABELWHEEL_KUBEFLOW_ENV": "AWS_REGION=eu-west-1",
    "LABELWHEEL_KUBEFLOW_SECRETS": "AWS_SECRET_ACCESS_KEY=store/secret",
    "LABELWHEEL_KUBEFLOW_TOLERATE": "nvidia.com/gpu",
    "LABELWHEEL_KUBEFLOW_PULL_SECRETS": "registry",
}


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"file://{tmp_path}/store"


@pytest.fixture
def cluster(tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kubernetes]:
    with Kubernetes(Path(sys.executable)) as found:
        monkeypatch.setenv("KUBECONFIG", str(found.kubeconfig(tmp_path)))
        monkeypatch.setenv("LABELWHEEL_STORE", store)
        for name, value in SETTINGS.items():
            monkeypatch.setenv(name, value)
        # the package of this checkout, whatever else is installed
        monkeypatch.setenv("PYTHONPATH", ":".join(path for path in sys.path if path))
        yield found


@pytest.fixture
def made(cluster: Kubernetes, tmp_path: Path) -> KubeflowLauncher:
    return launcher.launcher(Site(str(tmp_path / "jobs")))


class TestKubeflow(LauncherConformance):
    @pytest.fixture
    def launcher(self, made: KubeflowLauncher) -> KubeflowLauncher:
        return made

    def place(self, tmp_path: Path) -> str:
        return f"file://{tmp_path}/store"


def task(store: str, name: str = "7", version: str = "lw-1-0003-Ab", minutes: float = 30.0) -> Task:
    """Nobody has written its data."""
    spec = JobSpec(
        version=version, question=TOPIC, data=f"{store}/.jobs/{version}/data.jsonl", output=f"{store}/{version}",
        failure=f"{store}/.jobs/{version}/failed.json", max_minutes=minutes,
    )  # fmt: skip
    return Task(name, spec, "http://labelwheel.test/api/v1/rounds/7/progress", "a-token-of-the-round")


def ended(made: KubeflowLauncher, handle: str, seconds: float = 60.0) -> State:
    deadline = time.monotonic() + seconds
    while (state := made.poll(handle)).phase is Phase.RUNNING:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return state


def last(made: KubeflowLauncher, handle: str) -> str:
    return made.logs(handle, "7").strip().splitlines()[-1]


def waiting(handle: str, minutes: float) -> str:
    """As if it had been submitted so long ago."""
    found = Handle.model_validate_json(handle)
    return found.model_copy(update={"since": found.since - 60 * minutes}).model_dump_json()


def test_what_is_asked_of_the_cluster(made: KubeflowLauncher, cluster: Kubernetes, store: str) -> None:
    handle = made.submit([task(store, minutes=10)])
    (job,) = cluster.made
    assert job["kind"] == "TrainJob"
    spec, labels = job["spec"], job["metadata"]["labels"]
    assert spec["runtimeRef"]["name"] == "torch-distributed"
    assert spec["activeDeadlineSeconds"] == 600 + 780
    trainer = spec["trainer"]
    assert trainer["command"] == ["torchrun", "--nproc-per-node=1", "-m", "labelwheel.training.job"]
    assert trainer["args"] == [f"{store}/.jobs/lw-1-0003-Ab/7/{SPEC}"]
    assert trainer["image"] == "registry.test/labelwheel:1"
    assert trainer["resourcesPerNode"]["limits"]["nvidia.com/gpu"] in (1, "1")
    environment = {each["name"]: each["value"] for each in trainer["env"]}
    assert environment["AWS_REGION"] == "eu-west-1"
    assert environment["HF_HUB_OFFLINE"] == "1"
    (patch,) = spec["runtimePatches"]
    pod = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"gpu-class": "l4", "zone": "a"}
    assert pod["serviceAccountName"] == "trainer"
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    (container,) = pod["containers"]
    assert container["env"] == [
        {"name": "AWS_SECRET_ACCESS_KEY", "valueFrom": {"secretKeyRef": {"name": "store", "key": "secret"}}}
    ]
    assert labels["kueue.x-k8s.io/queue-name"] == "labelling"
    said = json.dumps([job, handle])
    assert "a-token-of-the-round" not in said, "who may read TrainJobs, or the database, has no token of a round"
    assert places.read(f"{store}/.jobs/lw-1-0003-Ab/7/progress.json")
    made.collect(handle)
    assert not cluster.jobs
    assert not places.exists(f"{store}/.jobs/lw-1-0003-Ab/7/progress.json")


def test_submitted_twice_it_is_one_trainjob(made: KubeflowLauncher, cluster: Kubernetes, store: str) -> None:
    """A worker that was killed before it noted the handle has submitted it already."""
    cluster.trouble = "unschedulable"
    one, other = (Handle.model_validate_json(made.submit([task(store)])) for _ in range(2))
    assert one.job == other.job
    assert len(cluster.jobs) == 1
    assert made.end_strays("8") == 0
    assert made.end_strays("7") == 1
    assert not cluster.jobs


def test_an_attempt_that_has_ended_makes_room_for_the_next(
    made: KubeflowLauncher, cluster: Kubernetes, store: str
) -> None:
    handle = made.submit([task(store)])
    assert ended(made, handle).phase is Phase.FAILED, "nobody has written its data"
    assert Handle.model_validate_json(made.submit([task(store)])).job == Handle.model_validate_json(handle).job
    assert len(cluster.made) == 2
    assert len(cluster.jobs) == 1


def test_strays_of_another_installation_are_left_alone(
    made: KubeflowLauncher, cluster: Kubernetes, store: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cluster.trouble = "unschedulable"
    made.submit([task(store)])
    monkeypatch.setenv("LABELWHEEL_STORE", f"{store}-of-others")
    assert launcher.launcher(Site(str(tmp_path))).end_strays("7") == 0
    assert len(cluster.jobs) == 1


@pytest.mark.parametrize(
    ("trouble", "patience", "code", "sentence"),
    [
        ("image", 11, 1, "the image registry.test/labelwheel:1 cannot be pulled (ImagePullBackOff"),
        ("unschedulable", 11, 1, "no node takes its pod: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu"),
        ("quota", 11, 1, "exceeded quota: small"),
        ("evicted", 0, None, "its pod was evicted: The node was low on resource: memory"),
        ("memory", 0, -9, "its memory ran out: raise LABELWHEEL_KUBEFLOW_MEMORY"),
        ("deadline", 0, 1, "LABELWHEEL_JOB_MINUTES"),
    ],
)
def test_a_failure_is_told_in_a_sentence_that_says_what_to_do(
    made: KubeflowLauncher,
    cluster: Kubernetes,
    store: str,
    trouble: str,
    patience: float,
    code: int | None,
    sentence: str,
) -> None:
    cluster.trouble = trouble
    handle = made.submit([task(store)])
    if patience:
        assert made.poll(handle).phase is Phase.RUNNING, "a node may come, and an image be pushed"
        handle = waiting(handle, patience)
    state = ended(made, handle)
    assert (state.phase, state.code) == (Phase.FAILED, code)
    assert sentence in last(made, handle)
    made.cancel(handle)
    made.collect(handle)
    assert not cluster.jobs


def test_while_the_cluster_does_not_answer_a_job_runs(
    made: KubeflowLauncher, cluster: Kubernetes, store: str, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.trouble = "unschedulable"
    handle = waiting(made.submit([task(store)]), 60)
    cluster.down = True
    with caplog.at_level(logging.WARNING):
        assert made.poll(handle).phase is Phase.RUNNING
    assert "the API server is starting" in caplog.text
    with pytest.raises(LauncherUnreachable):
        made.submit([task(store, "9", "lw-1-0004-zz")])
    with pytest.raises(LauncherUnreachable):
        made.cancel(handle)
    cluster.down = False
    assert made.poll(handle).phase is Phase.FAILED


def test_a_trainjob_that_somebody_deleted_has_failed(made: KubeflowLauncher, cluster: Kubernetes, store: str) -> None:
    cluster.trouble = "unschedulable"
    handle = made.submit([task(store)])
    cluster.jobs.clear()
    assert made.poll(handle) == State(phase=Phase.FAILED, code=None)
    assert "somebody deleted it" in last(made, handle)


def test_what_the_cluster_refuses_is_said_once(made: KubeflowLauncher, cluster: Kubernetes, store: str) -> None:
    cluster.forbidden = True
    with pytest.raises(InvalidJob, match=rf"in namespace {NAMESPACE} \(403\): .*cannot create resource"):
        made.submit([task(store)])


def test_the_service_does_not_start_with_settings_that_are_none(
    cluster: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path / "home", launcher="kubeflow", _env_file=None)  # type: ignore[call-arg]
    launchers.check(settings)
    monkeypatch.delenv("LABELWHEEL_KUBEFLOW_IMAGE")
    with pytest.raises(LauncherUnusable, match="LABELWHEEL_KUBEFLOW_IMAGE: it has to be set"):
        launchers.check(settings)


def test_data_on_this_machine_are_no_use(made: KubeflowLauncher, store: str, tmp_path: Path) -> None:
    found = task(store)
    with pytest.raises(InvalidJob, match="no pod finds it"):
        made.submit([found._replace(spec=found.spec.model_copy(update={"data": str(tmp_path / "data.jsonl")}))])


def test_a_task_that_is_withdrawn_is_left_out(made: KubeflowLauncher, cluster: Kubernetes, store: str) -> None:
    cluster.trouble = "unschedulable"
    handle = made.submit([task(store), task(store, "8", "lw-1-0004-b")])
    made.withdraw(handle, "8")
    assert places.exists(f"{store}/.jobs/lw-1-0003-Ab/7/{SPEC}")
    assert not places.exists(f"{store}/.jobs/lw-1-0004-b/8/{SPEC}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"LABELWHEEL_KUBEFLOW_IMAGE": None}, "LABELWHEEL_KUBEFLOW_IMAGE: it has to be set"),
        ({"LABELWHEEL_STORE": "/srv/checkpoints"}, "LABELWHEEL_STORE: it has to be a URL"),
        ({"LABELWHEEL_STORE": None}, "LABELWHEEL_STORE: it has to be set"),
        ({"LABELWHEEL_KUBEFLOW_SECRETS": "TOKEN=only"}, "LABELWHEEL_KUBEFLOW_SECRETS: each is VARIABLE=secret/key"),
        ({"LABELWHEEL_KUBEFLOW_ENV": "nothing"}, "LABELWHEEL_KUBEFLOW_ENV: it is a list of NAME=value"),
        ({"LABELWHEEL_KUBEFLOW_NODES": "0"}, "LABELWHEEL_KUBEFLOW_NODES: .*greater than or equal to 1"),
        ({"LABELWHEEL_KUBEFLOW_RUNTIME": "mine"}, "no training runtime 'mine'"),
        ({"KUBECONFIG": "/nowhere/config"}, "no cluster is known"),
    ],
)
def test_bad_settings_are_a_line_at_the_start(
    cluster: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], message: str
) -> None:
    for name, value in change.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    with pytest.raises(LauncherUnusable, match=message):
        launcher.launcher(Site(str(tmp_path)))


@pytest.mark.parametrize(
    ("version", "message"), [(None, "install Kubeflow Trainer 2.2"), ("v2.1.4", "is 2.1; 2.2 or newer")]
)
def test_an_old_cluster_is_a_line_at_the_start(
    cluster: Kubernetes, tmp_path: Path, version: str | None, message: str
) -> None:
    cluster.version = version
    with pytest.raises(LauncherUnusable, match=message):
        launcher.launcher(Site(str(tmp_path)))


def test_a_cluster_that_is_away_at_the_start_is_waited_for(
    cluster: Kubernetes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.down = True
    with caplog.at_level(logging.WARNING):
        launcher.launcher(Site(str(tmp_path)))
    assert "did not answer" in caplog.text


def test_names_are_such_as_kubernetes_takes(store: str) -> None:
    found = trainjobs.name([task(store, version="Lw_" + "x" * 80)])
    assert len(found) <= 40
    assert found == found.lower()
    assert trainjobs.name([task(store)]) != trainjobs.name([task(store, "8")])
    assert configuration.PREFIX == "LABELWHEEL_KUBEFLOW_"
