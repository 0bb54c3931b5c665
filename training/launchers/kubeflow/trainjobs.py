"""What is asked of Kubeflow for a job: names, labels, resources and what the runtime's pods are changed in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from labelwheel.training.launchers.base import Site, Task
from labelwheel.training.launchers.kubeflow.configuration import Configuration
from labelwheel.training.ranks.place import SPLIT

MODULE = "labelwheel.training.job"
MANAGED, OWNER, TASK = "app.kubernetes.io/managed-by", "labelwheel/owner", "labelwheel/task-"
QUEUE = "kueue.x-k8s.io/queue-name"
NODE = "node"
"""The container, and the replicated job, in which a runtime trains."""

_NAME_LENGTH = 40  # a pod's name adds to it, and is a label of at most 63 characters
_GRACE = 1.3  # a job ends itself at its limit, and the worker one that hangs; this is for when there is no worker
_START_SECONDS = 600  # to pull an image, and to import torch


def name(tasks: Sequence[Task]) -> str:
    """The same for the same tasks: submitted twice, it is one TrainJob."""
    said = "+".join(f"{task.name}:{task.spec.version}" for task in tasks)
    plain = re.sub(r"[^a-z0-9]+", "-", tasks[0].spec.version.lower()).strip("-")[: _NAME_LENGTH - 12].strip("-")
    return f"lw-{plain or 'job'}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"


def labels(configuration: Configuration, tasks: Sequence[Task]) -> dict[str, str]:
    """By which strays are found, and the queue."""
    found = {MANAGED: "labelwheel", OWNER: configuration.owner, **{TASK + task.name: "1" for task in tasks}}
    return found | ({QUEUE: configuration.queue} if configuration.queue else {})


def selector(configuration: Configuration, task: str) -> str:
    """What finds the jobs of a task that are this installation's."""
    return f"{MANAGED}=labelwheel,{OWNER}={configuration.owner},{TASK}{task}"


def seconds(tasks: Sequence[Task]) -> int:
    """After so long the cluster ends it."""
    return int(_START_SECONDS + _GRACE * 60 * sum(task.spec.max_minutes for task in tasks))


def environment(configuration: Configuration, site: Site) -> dict[str, str]:
    """Variables of the job that nobody may not see."""
    found = {"PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}
    if configuration.nodes * configuration.per_node > 1:
        found[SPLIT] = configuration.split
    if not site.hub:
        found |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    return found | configuration.env


def command(configuration: Configuration) -> list[str]:
    """How many processes a pod has is said here: a runtime that counts them itself takes one for each CPU core."""
    return ["torchrun", f"--nproc-per-node={configuration.per_node}", "-m", MODULE]


def trainer(configuration: Configuration, site: Site) -> Any:
    """The SDK's description of what trains."""
    from kubeflow.trainer import CustomTrainerContainer

    resources: dict[str, Any] = {"cpu": configuration.cpu, "memory": configuration.memory}
    if configuration.gpus:
        resources[configuration.gpu_resource] = configuration.gpus
    return CustomTrainerContainer(
        image=configuration.image,
        num_nodes=configuration.nodes,
        resources_per_node=resources,
        env=environment(configuration, site),
    )


def options(configuration: Configuration, tasks: Sequence[Task], specs: Sequence[str]) -> list[Any]:
    """What the SDK calls options; `specs` are the places of the tasks' specifications."""
    from kubeflow.trainer.options import ActiveDeadlineSeconds, Labels, Name, TrainerArgs, TrainerCommand

    found = [
        Name(name(tasks)),
        Labels(labels(configuration, tasks)),
        TrainerCommand(command(configuration)),
        TrainerArgs(list(specs)),
        ActiveDeadlineSeconds(seconds(tasks)),
    ]
    patch = _patch(configuration)
    return found if patch is None else [*found, patch]


def _patch(configuration: Configuration) -> Any:
    from kubeflow.trainer.options import (
        ContainerPatch,
        JobSetSpecPatch,
        JobSetTemplatePatch,
        JobSpecPatch,
        JobTemplatePatch,
        PodSpecPatch,
        PodTemplatePatch,
        ReplicatedJobPatch,
        RuntimePatch,
        TrainingRuntimeSpecPatch,
    )

    secret = [
        {"name": variable, "valueFrom": {"secretKeyRef": dict(zip(("name", "key"), place.split("/", 1), strict=True))}}
        for variable, place in configuration.secrets.items()
    ]
    pod = PodSpecPatch(
        service_account_name=configuration.service_account,
        containers=[ContainerPatch(name=NODE, env=secret)] if secret else None,
        node_selector=configuration.node_selector or None,
        tolerations=[{"key": key, "operator": "Exists"} for key in _listed(configuration.tolerate)] or None,
        image_pull_secrets=[{"name": each} for each in _listed(configuration.pull_secrets)] or None,
    )
    if pod == PodSpecPatch():
        return None
    job = JobTemplatePatch(spec=JobSpecPatch(template=PodTemplatePatch(spec=pod)))
    jobs = JobSetTemplatePatch(spec=JobSetSpecPatch(replicated_jobs=[ReplicatedJobPatch(name=NODE, template=job)]))
    return RuntimePatch(training_runtime_spec=TrainingRuntimeSpecPatch(template=jobs))


def _listed(said: str) -> list[str]:
    return [each.strip() for each in said.split(",") if each.strip()]
