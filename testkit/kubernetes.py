"""As much of a Kubernetes API server as Kubeflow's SDK asks, whose TrainJobs are processes of this machine.

    with Kubernetes(python) as cluster:
        environment = {"KUBECONFIG": str(cluster.kubeconfig(folder))}

A TrainJob with a field that the API does not know is refused, as by the CRD (`additionalProperties: false`): what the
models of `kubeflow-trainer-api` lose in a round trip is unknown. The very command that it names is run, by `python`'s
own `torchrun`, once for each node, with the variables that Kubeflow Trainer's plugin for torch gives to pods. No node,
no image, no network policy: `trouble` has a pod meet what they would do to it, the last one of several.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import yaml
from flask import Flask, Response, request

from testkit import kubernetes_objects as objects
from testkit.wsgi_server import serving

NAMESPACE = "labelling"
RUNTIME = "torch-distributed"
TRAINER = "/apis/trainer.kubeflow.org/v1alpha1"
_OURS = f"{TRAINER}/namespaces/{NAMESPACE}/trainjobs"
_CORE = f"/api/v1/namespaces/{NAMESPACE}"


class Kubernetes:
    """Up for a `with` block, at `url`.

    `trouble` is what the next pods meet: `image`, `never` (a name that is none), `unschedulable`, `evicted`, `memory`,
    `quota` or `deadline`; `down` has the server answer nothing but 503, `forbidden` nothing but 403. `version` is
    Kubeflow Trainer's, None where there is none. `environment` is what a pod has besides, as from a service account.
    `asked` has the method and the path of each request.
    """

    def __init__(self, python: Path) -> None:
        self.python = python
        self.jobs: dict[str, dict[str, Any]] = {}
        self.processes: dict[str, list[subprocess.Popen[bytes]]] = {}
        self.made: list[dict[str, Any]] = []
        self.trouble: str | None = None
        self.down = self.forbidden = False
        self.version: str | None = "v2.3.0"
        self.environment: dict[str, str] = {}
        self.asked: set[tuple[str, str]] = set()
        self._troubles: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._folder = Path(tempfile.mkdtemp(prefix="labelwheel-kubernetes-"))
        self._lock = threading.RLock()
        self._up = ExitStack()

    def __enter__(self) -> Self:
        self.url = self._up.enter_context(serving(self._app()))
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.jobs):
            self._end(name)
        self._up.close()

    def kubeconfig(self, folder: Path) -> Path:
        """A file that leads here."""
        cluster = {"name": "stub", "cluster": {"server": self.url}}
        context = {"name": "stub", "context": {"cluster": "stub", "user": "stub", "namespace": NAMESPACE}}
        path = folder / "kubeconfig"
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [cluster],
                    "contexts": [context],
                    "users": [{"name": "stub", "user": {"token": "stub-token"}}],
                    "current-context": "stub",
                }
            )
        )
        return path

    def logs(self, name: str, node: int = 0) -> str:
        """What a pod of a TrainJob has written by now."""
        path = self._folder / f"{name}-{node}"
        return path.read_text(errors="replace") if path.exists() else ""

    def _app(self) -> Flask:
        app = Flask("kubernetes")
        app.before_request(self._look)
        app.add_url_rule(TRAINER, view_func=self._resources)
        app.add_url_rule("/api/v1/namespaces/kubeflow-system/configmaps/<name>", view_func=self._public)
        app.add_url_rule(
            f"{TRAINER}/namespaces/<_>/trainingruntimes/<name>", view_func=lambda _, name: objects.refused(404, name)
        )
        app.add_url_rule(f"{TRAINER}/clustertrainingruntimes/<name>", view_func=self._runtime)
        app.add_url_rule(_OURS, view_func=self._create, methods=["POST"])
        app.add_url_rule(_OURS, view_func=self._list, methods=["GET"])
        app.add_url_rule(f"{_OURS}/<name>", view_func=self._get, methods=["GET"])
        app.add_url_rule(f"{_OURS}/<name>", view_func=self._delete, methods=["DELETE"])
        app.add_url_rule(f"{_CORE}/pods", view_func=self._pods)
        app.add_url_rule(f"{_CORE}/pods/<name>/log", view_func=self._log)
        app.add_url_rule(f"{_CORE}/events", view_func=self._events)
        return app

    def _look(self) -> Any:
        self.asked.add((request.method, request.path))
        if self.down:
            return objects.refused(503, "the API server is starting")
        if self.forbidden:
            return objects.refused(
                403, 'User "system:serviceaccount:labelling:default" cannot create resource "trainjobs"'
            )
        if request.headers.get("Authorization") != "Bearer stub-token":
            return objects.refused(401, "Unauthorized")
        return None

    def _resources(self) -> Any:
        if self.version is None:
            return objects.refused(404, "page not found")
        return {"kind": "APIResourceList", "groupVersion": "trainer.kubeflow.org/v1alpha1", "resources": []}

    def _public(self, name: str) -> Any:
        if name != "kubeflow-trainer-public" or self.version is None:
            return objects.refused(404, name)
        return {"kind": "ConfigMap", "apiVersion": "v1", "data": {"kubeflow_trainer_version": self.version}}

    def _runtime(self, name: str) -> Any:
        if name != RUNTIME:
            return objects.refused(404, f'clustertrainingruntimes "{name}" not found')
        return objects.runtime(name)

    def _create(self) -> Any:
        body = request.get_json()
        unknown = list(objects.unknown(body))
        if unknown:
            return objects.refused(422, f"TrainJob is invalid: unknown field {unknown[0]!r}")
        name = body["metadata"]["name"]
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name):
            return objects.refused(422, f"metadata.name: Invalid value: {name!r}")
        with self._lock:
            if name in self.jobs:
                return objects.refused(409, f'trainjobs "{name}" already exists')
            body["metadata"] |= {"namespace": NAMESPACE, "creationTimestamp": objects.now(), "uid": name}
            body["status"] = {}
            self.jobs[name] = body
            self.made.append(body)
            if self.trouble:
                self._troubles[name] = self.trouble
            if self.trouble not in ("image", "never", "unschedulable", "quota"):
                self._start(name, body)
        return body, 201

    def _start(self, name: str, body: dict[str, Any]) -> None:
        trainer = body["spec"]["trainer"]
        program, *rest = trainer["command"]
        environment = {each["name"]: each["value"] for each in trainer.get("env", ()) if "value" in each}
        here = {key: os.environ[key] for key in ("PATH", "HOME", "PYTHONPATH", "LANG") if key in os.environ}
        port = _free_port()
        self.processes[name] = []
        for node in range(_nodes(body)):
            with (self._folder / f"{name}-{node}").open("wb") as log:
                process = subprocess.Popen(
                    [str(self.python.with_name(program)), *rest, *trainer.get("args", ())],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env=here | self.environment | environment | objects.torch(body, node, port),
                )
            self.processes[name].append(process)

    def _get(self, name: str) -> Any:
        with self._lock:
            if name not in self.jobs:
                return objects.refused(404, f'trainjobs "{name}" not found')
            self._settle(name)
            return self.jobs[name]

    def _settle(self, name: str) -> None:
        job, processes, trouble = self.jobs[name], self.processes.get(name, []), self._troubles.get(name)
        if trouble in ("evicted", "memory", "deadline") and processes:
            _kill(processes[-1])
        codes = [process.poll() for process in processes]
        if any(codes):  # a set of jobs has failed with its first pod that does
            for process in processes:
                _kill(process)
            codes = [process.poll() for process in processes]
        if not codes or None in codes or job["status"].get("conditions"):
            return
        ended = trouble == "deadline" and "DeadlineExceeded"
        kind = "Complete" if not any(codes) and not trouble else "Failed"
        reason = ended or ("JobsCompleted" if kind == "Complete" else "JobsFailed")
        job["status"]["conditions"] = [
            {
                "type": kind,
                "status": "True",
                "reason": reason,
                "message": "jobset ended",
                "lastTransitionTime": objects.now(),
            }
        ]

    def _list(self) -> Any:
        wanted = dict(
            each.split("=") if "=" in each else (each, None)
            for each in request.args.get("labelSelector", "").split(",")
            if each
        )
        with self._lock:
            found = [job for job in self.jobs.values() if objects.has(job["metadata"].get("labels") or {}, wanted)]
        return {"kind": "TrainJobList", "apiVersion": "trainer.kubeflow.org/v1alpha1", "metadata": {}, "items": found}

    def _delete(self, name: str) -> Any:
        with self._lock:
            if name not in self.jobs:
                return objects.refused(404, f'trainjobs "{name}" not found')
            self._end(name)
            del self.jobs[name]
            self._troubles.pop(name, None)
        return {"kind": "Status", "status": "Success"}

    def _end(self, name: str) -> None:
        for process in self.processes.pop(name, []):
            _kill(process)

    def _pods(self) -> Any:
        found = re.search(r"jobset-name=([^,]+)", request.args.get("labelSelector", ""))
        name = found[1] if found else ""
        there = name in self.jobs and self._troubles.get(name) != "quota"
        items = [self._pod(name, node) for node in range(_nodes(self.jobs[name]))] if there else []
        return {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}

    def _pod(self, name: str, node: int) -> dict[str, Any]:
        processes, body = self.processes.get(name), self.jobs[name]
        code = processes[node].poll() if processes else None
        trouble = self._troubles.get(name) if node == _nodes(body) - 1 else None
        return objects.pod(name, NAMESPACE, body["spec"]["trainer"]["image"], code, trouble, node)

    def _log(self, name: str) -> Any:
        path = self._folder / name.replace("-node-0-", "-")
        if not path.exists():
            return objects.refused(404, f'pods "{name}" not found')
        lines = path.read_text(errors="replace").splitlines()[-int(request.args.get("tailLines", 1000)) :]
        return Response("\n".join(lines), content_type="text/plain")

    def _events(self) -> Any:
        items = [objects.quota(name, NAMESPACE) for name, trouble in self._troubles.items() if trouble == "quota"]
        return {"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": items}


def _nodes(body: dict[str, Any]) -> int:
    return int(body["spec"]["trainer"].get("numNodes", 1))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
