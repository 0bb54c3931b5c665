"""The launcher `kubeflow`: each job is a TrainJob of Kubeflow Trainer.

A specification lies in the object store beside the job's data, with the address and the token that progress is told to;
the job's only argument is where. A TrainJob's name comes from its tasks: submitted twice, by a worker that was killed
before it noted the handle and by the next one, it is one TrainJob. What came of a job is known by what it left in the
store; the TrainJob says whether it runs still, and why not.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Sequence
from typing import Any

from labelwheel.training import places
from labelwheel.training.checkpoints.store import whole
from labelwheel.training.errors import InvalidJob, LauncherUnreachable, LauncherUnusable, ProcessLost
from labelwheel.training.launchers.base import Phase, Site, State, Task
from labelwheel.training.launchers.kubeflow import configuration, trainjobs, troubles
from labelwheel.training.launchers.kubeflow.cluster import Cluster
from labelwheel.training.launchers.kubeflow.configuration import Configuration
from labelwheel.training.launchers.kubeflow.troubles import Trouble
from labelwheel.training.progress import FILE
from labelwheel.training.questions import Frozen
from labelwheel.training.spec_place import SPEC

log = logging.getLogger(__name__)

_GONE_SECONDS = 20.0
_FINISHED = ("Complete", "Failed")


class Desk(Frozen):
    """Where a task's specification lies, what it leaves, and where it says why it failed."""

    name: str
    place: str
    output: str
    failure: str | None


class Handle(Frozen):
    """What is remembered of a job: its TrainJob's name, and where its tasks lie. `since` is in seconds."""

    job: str
    since: float
    desks: tuple[Desk, ...]


class KubeflowLauncher:
    """Handles hold no secret. Nobody but the store and the cluster knows anything of a job."""

    def __init__(self, site: Site, found: Configuration, cluster: Cluster) -> None:
        self._site, self._configuration, self._cluster = site, found, cluster

    def check(self) -> None:
        """Raises LauncherUnusable. A cluster that does not answer now may do so later."""
        try:
            self._cluster.check(self._configuration.runtime)
        except LauncherUnreachable as error:
            log.warning("%s", error)
        except InvalidJob as error:
            raise LauncherUnusable(str(error)) from None

    def submit(self, tasks: Sequence[Task]) -> str:
        """Raises InvalidJob where the cluster refuses it, LauncherUnreachable, StoreUnreachable."""
        desks = tuple(self._desk(task) for task in tasks)
        for task, desk in zip(tasks, desks, strict=True):
            if task.progress_url:
                said = json.dumps({"url": task.progress_url, "token": task.token or ""})
                places.write(f"{desk.place}/{FILE}", said.encode())
            places.write(f"{desk.place}/{SPEC}", task.spec.model_dump_json().encode())
        name = trainjobs.name(tasks)
        self._make(name, tasks, [f"{desk.place}/{SPEC}" for desk in desks])
        return Handle(job=name, since=time.time(), desks=desks).model_dump_json()

    def poll(self, handle: str) -> State:
        """By what it left; else as the cluster says. While that does not answer, it runs for all that is known."""
        found = Handle.model_validate_json(handle)
        try:
            job = self._cluster.job(found.job)
            if job is not None and not _finished(job):
                trouble = self._trouble(found.job)
                if trouble is None or not (trouble.lasting or self._waited(found)) or trouble.code is not None:
                    return State(phase=Phase.RUNNING)
                return State(phase=Phase.FAILED, code=1)
            if all(whole(desk.output) for desk in found.desks):
                return State(phase=Phase.SUCCEEDED)
            trouble = None if job is None else self._ended(found.job, job)
        except LauncherUnreachable as error:
            log.warning("%s", error)
            return State(phase=Phase.RUNNING)
        return State(phase=Phase.FAILED, code=None if trouble is None else trouble.code)

    def cancel(self, handle: str) -> None:
        """Deletes the TrainJob; its pods get the grace period of the runtime."""
        self._cluster.delete(Handle.model_validate_json(handle).job)

    def withdraw(self, handle: str, name: str) -> None:
        """Its specification goes: a job skips what is not there when its turn comes."""
        for desk in Handle.model_validate_json(handle).desks:
            if desk.name == name:
                places.remove(f"{desk.place}/{SPEC}")

    def logs(self, handle: str, name: str) -> str:
        """The log of the job's first process, by its last pod, and on the last line why it failed, where it did: in
        its own words, or in the cluster's."""
        found = Handle.model_validate_json(handle)
        desk = next((each for each in found.desks if each.name == name), None)
        if desk is None:
            return ""
        pod = troubles.first(self._pods(found.job))
        written = "" if pod is None else self._cluster.log(pod.metadata.name, trainjobs.NODE)
        if whole(desk.output):
            return written
        return f"{written.rstrip()}\n{self._reason(found, desk)}".strip()

    def collect(self, handle: str) -> None:
        """Takes TrainJob and specifications away."""
        found = Handle.model_validate_json(handle)
        for desk in found.desks:
            for file in (SPEC, FILE):
                places.remove(f"{desk.place}/{file}")
        self._cluster.delete(found.job)

    def end_strays(self, name: str) -> int:
        """TrainJobs of this store's installation that have the task."""
        found = self._cluster.names(trainjobs.selector(self._configuration, name))
        for each in found:
            self._cluster.delete(each)
        return len(found)

    def _desk(self, task: Task) -> Desk:
        spec = task.spec
        for place in (spec.data, spec.output, *filter(None, (spec.unlabelled, spec.champion))):
            if not places.is_url(place):
                raise InvalidJob(f"{place} is on this machine, where no pod finds it; set LABELWHEEL_STORE to a URL")
        place = spec.data.rpartition("/")[0]
        return Desk(name=task.name, place=f"{place}/{task.name}", output=spec.output, failure=spec.failure)

    def _make(self, name: str, tasks: Sequence[Task], specs: Sequence[str]) -> None:
        """Once; one of the same name that has ended is an earlier attempt, and makes room."""
        deadline = time.monotonic() + _GONE_SECONDS
        trainer = trainjobs.trainer(self._configuration, self._site)
        options = trainjobs.options(self._configuration, tasks, specs)
        while not self._cluster.create(self._configuration.runtime, trainer, options):
            job = self._cluster.job(name)
            if job is not None:
                if not _finished(job) and "deletionTimestamp" not in job["metadata"]:
                    return
                self._cluster.delete(name)
            if time.monotonic() > deadline:
                raise LauncherUnreachable(f"the cluster has not taken {name} away yet; it is tried again")
            time.sleep(0.5)

    def _trouble(self, name: str) -> Trouble | None:
        pods = self._cluster.pods(name)
        return troubles.found(pods, [] if pods else self._cluster.events(name))

    def _waited(self, found: Handle) -> bool:
        return time.time() - found.since > 60 * self._configuration.pending_minutes

    def _pods(self, name: str) -> list[Any]:
        with contextlib.suppress(LauncherUnreachable):
            return self._cluster.pods(name)
        return []

    def _reason(self, found: Handle, desk: Desk) -> str:
        own: dict[str, str] = {}
        if desk.failure is not None:
            with contextlib.suppress(OSError, ValueError):
                own = json.loads(places.read(desk.failure))
        if own and own["error"] != ProcessLost.__name__:  # which the cluster knows better
            return json.dumps(own, ensure_ascii=False)
        why = self._by_cluster(found)
        if not own:
            return why
        return json.dumps({**own, "message": "; ".join(filter(None, (own["message"], why)))}, ensure_ascii=False)

    def _by_cluster(self, found: Handle) -> str:
        with contextlib.suppress(LauncherUnreachable):
            job = self._cluster.job(found.job)
            if job is None:
                return f"the TrainJob {found.job} is gone: somebody deleted it"
            trouble = self._ended(found.job, job)
            return trouble.sentence if trouble else str(_condition(job, "Failed").get("message") or "")
        return ""

    def _ended(self, name: str, job: dict[str, Any]) -> Trouble | None:
        """Pods that ran out of time were ended from outside, too: what the TrainJob says of that is the reason."""
        late = _condition(job, "Failed").get("reason") == troubles.LATE
        return troubles.TOO_LONG if late else self._trouble(name)


class Kubeflow:
    """What the launcher `kubeflow` is made with."""

    def __call__(self, site: Site) -> KubeflowLauncher:
        """Raises LauncherUnusable, MissingExtra."""
        found = configuration.read()
        made = KubeflowLauncher(site, found, Cluster(found))
        made.check()
        return made

    @staticmethod
    def check_settings() -> None:
        """Raises LauncherUnusable where a setting is missing or none; nobody is asked for that."""
        configuration.read()


launcher = Kubeflow()


def _condition(job: dict[str, Any], kind: str) -> dict[str, Any]:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == kind and each["status"] == "True"), {})


def _finished(job: dict[str, Any]) -> bool:
    return any(_condition(job, kind) for kind in _FINISHED)
