"""The loop with its jobs as TrainJobs and its checkpoints in S3: nothing but the store is shared.

The cluster is an API server of ours that keeps the schema and runs each TrainJob's own command as a process; Label
Studio, the worker and the web process are the real ones.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.clouds import Moto
from testkit.kubernetes import Kubernetes
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.server import PATIENCE
from testkit.stage import ENOUGH, Stage

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Kubernetes]:
    with Kubernetes(Path(sys.executable)) as found:
        yield found


@pytest.fixture(scope="module")
def stage(
    studio: LabelStudioServer, quick: dict[str, str], cluster: Kubernetes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    with Moto() as cloud, pytest.MonkeyPatch.context() as patch:
        cluster.environment = cloud.environment
        for name, value in cloud.environment.items():  # the tests look into the store, too
            patch.setenv(name, value)
        environment = {
            **quick, **cloud.environment,
            "KUBECONFIG": str(cluster.kubeconfig(tmp_path_factory.mktemp("cluster"))),
            "LABELWHEEL_LAUNCHER": "kubeflow",
            "LABELWHEEL_STORE": f"{cloud.bucket('checkpoints')}/labelwheel",
            "LABELWHEEL_KUBEFLOW_IMAGE": "registry.test/labelwheel:1",
        }  # fmt: skip
        with LabelwheelServer(environment=environment) as wheel:
            yield Stage(studio, wheel, tasks=ENOUGH + 40, labelled=ENOUGH)


def test_a_round_is_trained_as_a_trainjob_and_promoted(stage: Stage, cluster: Kubernetes) -> None:
    before = len(cluster.made)
    assert before, "what the label names say was a job, too"
    number = stage.order()
    seen: set[float] = set()

    def told() -> bool:
        found = stage.round(number)
        seen.add(found["progress"] or 0.0)
        return found["state"] not in ("queued", "running", "gating")

    stage.wheel.until(told, PATIENCE, "the round did not end")
    assert stage.round(number)["state"] == "promoted", stage.wheel.tail()
    assert any(0.0 < progress < 1.0 for progress in seen), "the job tells the service itself how far it is"
    (job,) = cluster.made[before:]
    assert job["spec"]["trainer"]["args"][0].startswith("s3://checkpoints/labelwheel/")
    stage.converged()
    stage.wheel.until(lambda: not cluster.jobs, PATIENCE, "what is over was not cleared away")


def test_a_worker_that_is_killed_leaves_one_trainjob_and_one_outcome(stage: Stage, cluster: Kubernetes) -> None:
    stage.label(3)
    before = len(cluster.made)
    number = stage.order()
    stage.wheel.until(lambda: len(cluster.made) > before, PATIENCE, "no TrainJob was made")
    stage.wheel.kill("worker")
    found = stage.ended(number)
    assert found["state"] in ("promoted", "rejected")
    assert len(cluster.made) == before + 1
    stage.converged()


def test_an_image_that_cannot_be_had_fails_the_round_with_what_to_do(stage: Stage, cluster: Kubernetes) -> None:
    stage.label(3)
    cluster.trouble = "never"
    number = stage.order()
    found = stage.ended(number)
    cluster.trouble = None
    assert found["state"] == "failed"
    assert "LABELWHEEL_KUBEFLOW_IMAGE" in found["reason"]
    stage.wheel.until(lambda: not cluster.jobs, PATIENCE, "what is over was not cleared away")
    stage.converged()
