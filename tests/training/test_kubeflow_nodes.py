"""TrainJobs of two pods: what is asked for, what they learn together, and what is said where one of them fails."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from labelwheel.training import places
from labelwheel.training.checkpoints.store import Store
from labelwheel.training.errors import LauncherUnusable
from labelwheel.training.launchers.base import Phase, Site, Task
from labelwheel.training.launchers.kubeflow import launcher
from labelwheel.training.launchers.kubeflow.launcher import KubeflowLauncher
from labelwheel.training.spec import JobSpec, Part
from labelwheel.training.testing.labelled_texts import TOPIC, labelled_texts
from labelwheel.training.testing.launchers import LauncherConformance
from labelwheel.training.testing.small_model import small_model
from testkit.kubernetes import Kubernetes

PATIENCE = 240.0


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"file://{tmp_path}/store"


@pytest.fixture
def cluster(tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kubernetes]:
    with Kubernetes(Path(sys.executable)) as found:
        monkeypatch.setenv("KUBECONFIG", str(found.kubeconfig(tmp_path)))
        monkeypatch.setenv("LABELWHEEL_STORE", store)
        monkeypatch.setenv("LABELWHEEL_KUBEFLOW_IMAGE", "registry.test/labelwheel:1")
        monkeypatch.setenv("LABELWHEEL_KUBEFLOW_NODES", "2")
        monkeypatch.setenv("LABELWHEEL_KUBEFLOW_SPLIT", "always")
        monkeypatch.setenv("PYTHONPATH", ":".join(path for path in sys.path if path))
        yield found


@pytest.fixture
def made(cluster: Kubernetes, tmp_path: Path) -> KubeflowLauncher:
    return launcher.launcher(Site(str(tmp_path / "jobs")))


@pytest.mark.slow
class TestTwoNodes(LauncherConformance):
    @pytest.fixture
    def launcher(self, made: KubeflowLauncher) -> KubeflowLauncher:
        return made

    def place(self, tmp_path: Path) -> str:
        return f"file://{tmp_path}/store"


def task(store: str, tmp_path: Path, name: str = "1") -> Task:
    """One that fine-tunes."""
    base = tmp_path / "base"
    if not base.exists():
        small_model(base, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)  # each would draw its own
    labelled = [*labelled_texts(108, Part.TRAIN), *labelled_texts(30, Part.HELD_OUT)]
    places.write(f"{store}/data-{name}.jsonl", "\n".join(row.model_dump_json() for row in labelled).encode())
    spec = JobSpec(
        version=f"v{name}", question=TOPIC, data=f"{store}/data-{name}.jsonl", output=f"{store}/v{name}",
        failure=f"{store}/failed-{name}.json", base_model=str(base), device="cpu", artefact=False, threads=1,
        max_minutes=5.0,
    )  # fmt: skip
    return Task(name, spec)


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.1)
    return found


def ended(made: KubeflowLauncher, handle: str) -> Phase:
    until(lambda: made.poll(handle).phase is not Phase.RUNNING)
    return made.poll(handle).phase


def helps(cluster: Kubernetes) -> bool:
    """Whether the second pod's process has got an order."""
    (job,) = cluster.jobs
    return "helps to fine-tune" in (cluster.logs(job, 1))


def test_what_is_asked_of_the_cluster(
    made: KubeflowLauncher, cluster: Kubernetes, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELWHEEL_KUBEFLOW_GPUS", "4")
    cluster.trouble = "unschedulable"
    launcher.launcher(Site(str(tmp_path))).submit([task(store, tmp_path)])
    trainer = cluster.made[0]["spec"]["trainer"]
    assert trainer["numNodes"] == 2
    assert trainer["command"] == ["torchrun", "--nproc-per-node=4", "-m", "labelwheel.training.job"]
    assert trainer["resourcesPerNode"]["limits"]["nvidia.com/gpu"] in (4, "4")
    assert {"name": "LABELWHEEL_SPLIT", "value": "always"} in trainer["env"]


@pytest.mark.slow
def test_two_pods_leave_one_checkpoint_as_good_as_that_of_one(
    made: KubeflowLauncher, cluster: Kubernetes, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = made.submit([task(store, tmp_path)])
    assert ended(made, both) is Phase.SUCCEEDED, made.logs(both, "1")
    log, (name,) = made.logs(both, "1"), cluster.jobs
    assert "split over 2 processes" in log
    assert "Writing the checkpoint" in log
    assert "Writing the checkpoint" not in cluster.logs(name, 1)
    monkeypatch.setenv("LABELWHEEL_KUBEFLOW_NODES", "1")
    alone = launcher.launcher(Site(str(tmp_path)))
    handle = alone.submit([task(store, tmp_path, "2")])
    assert ended(alone, handle) is Phase.SUCCEEDED, alone.logs(handle, "2")
    found, other = (Store(store, tmp_path / "cache").read(version) for version in ("v1", "v2"))
    assert found.manifest.model_dump().keys() == other.manifest.model_dump().keys()
    assert found.manifest.question == other.manifest.question
    assert found.manifest.label_set == other.manifest.label_set
    scores = [
        {each["name"]: each["score"] for each in json.loads(places.read(f"{store}/{version}/report.json"))["trials"]}
        for version in ("v1", "v2")
    ]
    assert scores[0].keys() == scores[1].keys()
    assert "fine-tuned from the base model" in scores[0]
    for strategy, score in scores[1].items():
        assert scores[0][strategy] == pytest.approx(score, abs=0.02), strategy
    report = json.loads(places.read(f"{store}/v1/report.json"))
    assert any("split over 2 processes" in note for note in report["notes"])


@pytest.mark.slow
def test_a_process_that_is_killed_is_named(
    made: KubeflowLauncher, cluster: Kubernetes, store: str, tmp_path: Path
) -> None:
    handle = made.submit([task(store, tmp_path)])
    until(lambda: helps(cluster))
    (processes,) = cluster.processes.values()
    (worker,) = psutil.Process(processes[1].pid).children()
    os.kill(worker.pid, signal.SIGKILL)
    assert ended(made, handle) is Phase.FAILED
    last = made.logs(handle, "1").strip().splitlines()[-1]
    assert "killed" in last
    assert not Store(store, tmp_path / "cache").has("v1")


@pytest.mark.slow
def test_cancelled_both_pods_end(made: KubeflowLauncher, cluster: Kubernetes, store: str, tmp_path: Path) -> None:
    handle = made.submit([task(store, tmp_path)])
    until(lambda: helps(cluster))
    (processes,) = cluster.processes.values()
    there = [child for each in processes for child in psutil.Process(each.pid).children(recursive=True)]
    assert len(there) >= 2
    made.cancel(handle)
    assert ended(made, handle) is Phase.FAILED
    _, alive = psutil.wait_procs(there, timeout=30)
    assert not alive


def test_a_pod_without_memory_is_named(made: KubeflowLauncher, cluster: Kubernetes, store: str, tmp_path: Path) -> None:
    cluster.trouble = "memory"
    handle = made.submit([task(store, tmp_path)])
    assert ended(made, handle) is Phase.FAILED
    said = made.logs(handle, "1").strip().splitlines()[-1]
    assert "pod 2 of 2: its memory ran out: raise LABELWHEEL_KUBEFLOW_MEMORY" in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"LABELWHEEL_KUBEFLOW_GPUS": "17"}, "LABELWHEEL_KUBEFLOW_GPUS: .*less than or equal to 16"),
        ({"LABELWHEEL_KUBEFLOW_SPLIT": "yes"}, "LABELWHEEL_KUBEFLOW_SPLIT: .*'auto', 'always' or 'never'"),
    ],
)
def test_bad_settings_are_a_line_at_the_start(
    cluster: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], message: str
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LauncherUnusable, match=message):
        launcher.launcher(Site(str(tmp_path)))
