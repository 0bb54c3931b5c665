"""What an API server says of things in a cluster, as JSON: pods in trouble, events, runtimes, refusals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify


def runtime(name: str) -> dict[str, Any]:
    """A training runtime of torch."""
    container = {"name": "node", "image": "pytorch/pytorch:2.13.0"}
    job = {
        "name": "node",
        "template": {
            "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
            "spec": {"template": {"spec": {"containers": [container]}}},
        },
    }
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "ClusterTrainingRuntime",
        "metadata": {"name": name, "labels": {"trainer.kubeflow.org/framework": "torch"}},
        "spec": {
            "mlPolicy": {"numNodes": 1, "torch": {"numProcPerNode": "auto"}},
            "template": {"spec": {"replicatedJobs": [job]}},
        },
    }


def torch(body: dict[str, Any], node: int, port: int) -> dict[str, str]:
    """The variables that Kubeflow Trainer gives to a pod for torchrun: a process for each CPU core, where no GPU is
    asked for and nothing else is said (`numProcPerNode: auto`)."""
    trainer = body["spec"]["trainer"]
    limits = trainer.get("resourcesPerNode", {}).get("limits", {})
    cores = re.fullmatch(r"\d+", str(limits.get("cpu", "1")))
    each = "auto" if any("gpu" in name for name in limits) else cores[0] if cores else "1"
    return {
        "PET_NNODES": str(trainer.get("numNodes", 1)), "PET_NPROC_PER_NODE": each, "PET_NODE_RANK": str(node),
        "PET_MASTER_ADDR": "127.0.0.1", "PET_MASTER_PORT": str(port),
    }  # fmt: skip


def pod(name: str, namespace: str, image: str, code: int | None, trouble: str | None, node: int = 0) -> dict[str, Any]:
    """The pod of a TrainJob whose process has ended with `code`, or runs, or met a trouble."""
    state: dict[str, Any] = {"running": {"startedAt": now()}}
    if code is not None:
        state = {
            "terminated": {
                "exitCode": code if code >= 0 else 128 - code,
                "reason": "Error" if code else "Completed",
            }
        }
    status: dict[str, Any] = {"phase": "Running", "conditions": []}
    if trouble == "image":
        message = f'Back-off pulling image "{image}": not found'
        state, status["phase"] = {"waiting": {"reason": "ImagePullBackOff", "message": message}}, "Pending"
    elif trouble == "never":
        state = {"waiting": {"reason": "InvalidImageName", "message": f'couldn\'t parse image name "{image}"'}}
    elif trouble == "memory" and code is not None:
        state = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    elif trouble == "evicted":
        status |= {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
    elif trouble == "unschedulable":
        status["phase"] = "Pending"
        message = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
        status["conditions"] = [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        ]
    if trouble not in ("unschedulable", "evicted"):
        status["containerStatuses"] = [
            {"name": "node", "image": image, "imageID": "", "ready": False, "restartCount": 0, "state": state}
        ]
    labels = {
        "jobset.sigs.k8s.io/jobset-name": name,
        "jobset.sigs.k8s.io/replicatedjob-name": "node",
        "batch.kubernetes.io/job-completion-index": str(node),
    }
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": f"{name}-node-0-{node}",
            "namespace": namespace,
            "labels": labels,
            "creationTimestamp": now(),
        },
        "spec": {"containers": [{"name": "node", "image": image}]},
        "status": status,
    }


def quota(name: str, namespace: str) -> dict[str, Any]:
    """The event of a job whose pod a quota forbids."""
    return {
        "metadata": {"name": f"{name}.1", "namespace": namespace},
        "involvedObject": {"kind": "Job", "name": f"{name}-node-0"},
        "reason": "FailedCreate",
        "message": 'pods "x" is forbidden: exceeded quota: small, requested: cpu=2, limited: cpu=8',
        "lastTimestamp": now(),
    }


def has(labels: dict[str, str], wanted: dict[str, str | None]) -> bool:
    return all(key in labels and value in (None, labels[key]) for key, value in wanted.items())


def unknown(body: dict[str, Any]) -> Iterator[str]:
    """The fields of a TrainJob that the API does not know: what its models lose in a round trip."""
    from kubeflow_trainer_api import models

    known = models.TrainerV1alpha1TrainJob.from_dict(body)
    yield from _missing(body, known.to_dict() if known else {})


def _missing(given: Any, kept: Any, path: str = "") -> Iterator[str]:
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(kept, dict) or key not in kept:
                yield f"{path}.{key}"
            else:
                yield from _missing(value, kept[key], f"{path}.{key}")
    elif isinstance(given, list):
        for number, value in enumerate(given):
            there = kept[number] if isinstance(kept, list) and number < len(kept) else None
            yield from _missing(value, there, f"{path}[{number}]")


def refused(code: int, message: str) -> tuple[Response, int]:
    return jsonify({"kind": "Status", "status": "Failure", "message": message, "code": code}), code


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
