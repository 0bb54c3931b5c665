"""Two nodes for real: containers of labelwheel's own image, started by the container backend of Kubeflow's SDK.

Needs an engine (DOCKER_HOST), the package `docker`, and LABELWHEEL_TEST_IMAGE, what `docker build .` has made:
`make nodes-check`. That backend runs a function in place of a command, by the same torchrun.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from labelwheel.training.checkpoints.store import Store
from labelwheel.training.spec import JobSpec, Part
from labelwheel.training.testing.labelled_texts import TOPIC, labelled_texts
from labelwheel.training.testing.small_model import small_model
from testkit import kubernetes_objects as objects

pytestmark = [pytest.mark.containers, pytest.mark.slow]

PATIENCE = 480.0
WORKSPACE = "/workspace"
"""Where the backend mounts a job's folder in each container."""


def job_of_a_trainjob(place: str) -> None:
    """What is shipped, as text: what a TrainJob's command does."""
    import sys

    from labelwheel.training import job

    sys.exit(job.main([place]))


@pytest.fixture
def client(tmp_path: Path) -> Any:
    from kubeflow.trainer import ContainerBackendConfig, TrainerClient
    from kubeflow.trainer.backends.container.types import TrainingRuntimeSource

    runtimes = tmp_path / "runtimes"
    runtimes.mkdir()
    (runtimes / "torch-distributed.yaml").write_text(yaml.safe_dump(objects.runtime("torch-distributed")))
    source = TrainingRuntimeSource(sources=[f"file://{runtimes}"])
    config = ContainerBackendConfig(container_runtime="docker", pull_policy="Never", runtime_source=source)
    return TrainerClient(backend_config=config)


@pytest.fixture
def name(client: Any) -> Iterator[str]:
    found = f"lw-{uuid.uuid4().hex[:8]}"
    yield found
    client.delete_job(found)


def test_two_nodes_share_a_training_and_leave_one_checkpoint(client: Any, name: str, tmp_path: Path) -> None:
    from kubeflow.trainer import CustomTrainer
    from kubeflow.trainer.options import Name

    folder = Path.home() / ".kubeflow" / "trainer" / "containers" / name
    (folder / "1").mkdir(parents=True)
    small_model(folder / "base", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    rows = [*labelled_texts(108, Part.TRAIN), *labelled_texts(30, Part.HELD_OUT)]
    (folder / "data.jsonl").write_text("\n".join(row.model_dump_json() for row in rows))
    spec = JobSpec(
        version="v1", question=TOPIC, data=f"file://{WORKSPACE}/data.jsonl", output=f"file://{WORKSPACE}/store/v1",
        failure=f"file://{WORKSPACE}/failed.json", base_model=f"{WORKSPACE}/base", device="cpu", artefact=False,
        threads=1, max_minutes=6.0,
    )  # fmt: skip
    (folder / "1" / "spec.json").write_text(spec.model_dump_json())
    # the backend's shell is one that logs in, and forgets the image's PATH
    (folder / ".profile").write_text("export PATH=/opt/labelwheel/bin:$PATH\n")
    for each in (folder, *folder.rglob("*")):
        each.chmod(0o777 if each.is_dir() else 0o644)  # the image's user is nobody here
    trainer = CustomTrainer(
        func=job_of_a_trainjob, func_args={"place": f"file://{WORKSPACE}/1/spec.json"}, num_nodes=2,
        image=os.environ["LABELWHEEL_TEST_IMAGE"],
        env={"LABELWHEEL_SPLIT": "always", "OMP_NUM_THREADS": "1", "HOME": WORKSPACE},
    )  # fmt: skip
    assert client.train(runtime="torch-distributed", trainer=trainer, options=[Name(name)]) == name
    deadline = time.monotonic() + PATIENCE
    while (status := client.get_job(name).status) not in ("Complete", "Failed"):
        assert time.monotonic() < deadline
        time.sleep(1)
    first, second = ("\n".join(client.get_job_logs(name, step=f"node-{node}")) for node in (0, 1))
    assert status == "Complete", f"{first}\n\n{second}"
    assert "split over 2 processes" in first
    assert "Process 2 of 2 helps to fine-tune" in second
    assert "Writing the checkpoint" not in second
    assert Store(f"file://{folder}/store", tmp_path / "cache").read("v1").manifest.version == "v1"
    report = json.loads((folder / "store" / "v1" / "report.json").read_text())
    assert any("split over 2 processes" in note for note in report["notes"])
