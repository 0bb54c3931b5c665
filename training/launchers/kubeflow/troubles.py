"""Why a job does not begin, or has ended, as the cluster tells it, in a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

PULLING = ("ErrImagePull", "ImagePullBackOff")
NEVER = ("InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError")
"""What no waiting mends."""

INDEX = "batch.kubernetes.io/job-completion-index"
"""A label of a pod: which of its job's it is, from 0."""

_KILLED, _TERMINATED = 137, 143


class Trouble(NamedTuple):
    """`lasting` tells that no waiting mends it; `code` is how the job ended, as State has it, where it has.

    `vague` tells that it says what happened, and not why.
    """

    sentence: str
    lasting: bool = False
    code: int | None = None
    vague: bool = False


LATE = "DeadlineExceeded"
TOO_LONG = Trouble("it took longer than the cluster lets it; raise LABELWHEEL_JOB_MINUTES", True, 1)


def found(pods: Sequence[Any], events: Sequence[Any]) -> Trouble | None:
    """Of pods and events of one job, as the Kubernetes client has them; None where nothing is wrong."""
    newest = list(_newest(pods))
    troubles = [(place, trouble) for place, pod in enumerate(newest, start=1) if (trouble := _of_pod(pod)) is not None]
    if troubles:  # where one pod fails the others are ended
        place, trouble = min(troubles, key=lambda each: each[1].vague)
        many = f"pod {place} of {len(newest)}: " if len(newest) > 1 else ""
        return trouble._replace(sentence=many + trouble.sentence)
    if not pods:
        for event in reversed(events):
            if event.reason in ("FailedCreate", "TrainJobResourcesCreationFailed"):
                return Trouble(
                    f"the cluster makes no pod for it: {_short(event.message)}; mend the quota or the policy of the "
                    "namespace, or ask for less (LABELWHEEL_KUBEFLOW_CPU, _MEMORY, _GPUS)"
                )
    return None


def first(pods: Sequence[Any]) -> Any | None:
    """The pod of the first process: it does the job."""
    return next(_newest(pods), None)


def _newest(pods: Sequence[Any]) -> Iterator[Any]:
    """Of each of a job's pods the last attempt, in their order."""
    found: dict[int, Any] = {}
    for pod in sorted(pods, key=lambda each: str(each.metadata.creation_timestamp)):
        found[int((pod.metadata.labels or {}).get(INDEX, 0))] = pod
    yield from (found[place] for place in sorted(found))


def _of_pod(pod: Any) -> Trouble | None:
    status = pod.status
    if status.reason == "Evicted":
        return Trouble(
            f"its pod was evicted: {_short(status.message)}; give it more memory (LABELWHEEL_KUBEFLOW_MEMORY), or "
            "nodes that are not taken from it"
        )
    if status.reason == LATE:
        return TOO_LONG
    for container in status.container_statuses or ():
        trouble = _of_container(container)
        if trouble is not None:
            return trouble
    for condition in status.conditions or ():
        if condition.type == "PodScheduled" and condition.status == "False" and condition.reason == "Unschedulable":
            return Trouble(
                f"no node takes its pod: {_short(condition.message)}; ask for less (LABELWHEEL_KUBEFLOW_CPU, _MEMORY, "
                "_GPUS), change LABELWHEEL_KUBEFLOW_NODE_SELECTOR or _TOLERATE, or add a node"
            )
        if condition.type == "DisruptionTarget" and condition.status == "True":
            return Trouble(f"its pod was taken away: {_short(condition.message)}; it is started once more")
    return None


def _of_container(container: Any) -> Trouble | None:
    waiting, ended = container.state.waiting, container.state.terminated
    if waiting is not None and waiting.reason in (*PULLING, *NEVER):
        what = "cannot be pulled" if waiting.reason in PULLING else "cannot be started"
        return Trouble(
            f"the image {container.image} {what} ({waiting.reason}: {_short(waiting.message)}); check "
            "LABELWHEEL_KUBEFLOW_IMAGE, _PULL_SECRETS and _SECRETS, and whether it was pushed",
            waiting.reason in NEVER,
        )
    if ended is None or not ended.exit_code:
        return None
    if ended.reason == "OOMKilled":
        return Trouble(
            "its memory ran out: raise LABELWHEEL_KUBEFLOW_MEMORY, or use a smaller base model", True, 128 - _KILLED
        )
    if ended.exit_code in (_KILLED, _TERMINATED):
        return Trouble(f"it was ended from outside (exit code {ended.exit_code})", True, 128 - ended.exit_code, True)
    return Trouble(f"it ended with exit code {ended.exit_code}", True, ended.exit_code, True)


def _short(message: str | None) -> str:
    return " ".join((message or "no reason is given").split())[:300].rstrip(".;")
