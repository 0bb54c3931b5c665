"""The pods of deploy/kubernetes, run for real by `podman kube play`: podman is the node, this program its kubelet,
its service and its controllers. PostgreSQL, S3 and Label Studio are those of the tests.

    python docker/check/rollout.py IMAGE     # EXTRAS="postgresql s3"; as root, with podman, after `make test`

Two web pods and two workers come up at once, connect, suggest and learn; then, under requests without a pause: one web
pod is replaced as a rollout does, the working worker and a web pod are killed. Policies, budgets and the autoscaler
need a cluster: nothing of them is tried.
"""
# ruff: noqa: T201

from __future__ import annotations

import base64
import contextlib
import json
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests
import yaml

from demo import messages
from testkit import postgresql
from testkit.clouds import Moto
from testkit.label_studio import LabelStudioServer
from testkit.stage import GOLD, TOPIC_CONFIG

ROOT = Path(__file__).resolve().parents[2]
NODE = "10.88.0.1"
"""This machine, as podman's own network knows it."""

TOKEN = secrets.token_urlsafe(24)
LABELS = 48
_FREEBIND = 15
"""Linux's IP_FREEBIND, which the module `socket` has no name for in Python 3.11."""


class Relay:
    """A TCP port of the node that leads to one of `places`, chosen for each connection: a service, or a way out."""

    def __init__(self, port: int, places: Callable[[], list[tuple[str, int]]]) -> None:
        self._places, self._turn = places, 0
        self._listener = socket.socket()
        # podman's bridge has the address once the first pod is there
        self._listener.setsockopt(socket.IPPROTO_IP, _FREEBIND, 1)
        self._listener.bind((NODE, port))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        places = self._places()
        self._turn += 1
        try:
            server = socket.create_connection(places[self._turn % len(places)], timeout=5)
        except (OSError, ZeroDivisionError):
            client.close()
            return
        server.settimeout(None)
        threading.Thread(target=_copy, args=(server, client), daemon=True).start()
        _copy(client, server)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def run(*command: str, given: str | None = None, fail: bool = True) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode and fail:
        sys.exit(f"{' '.join(command)[:200]}: {done.stderr[-1500:]}")
    return done.stdout.strip()


class Pod:
    """One pod, from the template of its Deployment."""

    def __init__(self, cluster: Cluster, kind: str, number: int) -> None:
        self.name, self.kind, self.cluster = f"labelwheel-{kind}-{number}", kind, cluster
        template = cluster.templates[f"labelwheel-{kind}"]
        self.spec: dict[str, Any] = json.loads(json.dumps(template["spec"]))
        (self.main,) = self.spec["containers"]
        self.container, self.ready, self.ip = f"{self.name}-{self.main['name']}", False, ""
        self.ports = {each["name"]: each["containerPort"] for each in self.main.pop("ports", ())}
        self.probes = {name: self.main.pop(name) for name in list(self.main) if name.endswith("Probe")}
        self.pre_stop = self.main.pop("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
        del self.spec["serviceAccountName"]
        # podman 4 would start an init container again that has done its work, and its emptyDir is a volume of that name
        self.spec["restartPolicy"] = "Never"
        for each in (*self.spec["volumes"], *(mount for one in self._containers() for mount in one["volumeMounts"])):
            each["name"] = f"{self.name}-{each['name']}"

    def _containers(self) -> list[dict[str, Any]]:
        return [*self.spec["initContainers"], *self.spec["containers"]]

    def start(self) -> None:
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.name}, "spec": self.spec}
        text = yaml.safe_dump_all([self.cluster.configuration, manifest])
        run("podman", "kube", "play", "--network", "podman", "-", given=text)
        infra = run("podman", "pod", "inspect", self.name, "--format", "{{.InfraContainerID}}")
        self.ip = run("podman", "inspect", infra, "--format", "{{.NetworkSettings.IPAddress}}")
        self.cluster.pods.append(self)

    def probe(self, name: str) -> bool:
        asked = self.probes[name]["httpGet"]
        url = f"http://{self.ip}:{self.ports[asked['port']]}{asked['path']}"
        with contextlib.suppress(requests.RequestException):
            return requests.get(url, timeout=self.probes[name]["timeoutSeconds"]).status_code == 200
        return False

    def stop(self) -> int:
        """As a kubelet does: out of the service, preStop, SIGTERM, and SIGKILL after the grace; the exit code."""
        self.ready = False
        start = time.monotonic()
        if self.pre_stop:
            run("podman", "exec", self.container, *self.pre_stop)
        left = self.spec["terminationGracePeriodSeconds"] - (time.monotonic() - start)
        run("podman", "stop", "--time", str(max(1, int(left))), self.container)
        code = int(run("podman", "inspect", self.container, "--format", "{{.State.ExitCode}}"))
        print(f"{self.name} ended with {code} after {time.monotonic() - start:.0f} s", flush=True)
        self.remove()
        return code

    def remove(self) -> None:
        run("podman", "pod", "rm", "--force", "--time", "0", self.name, fail=False)
        run("podman", "volume", "rm", "--force", *(each["name"] for each in self.spec["volumes"]), fail=False)
        with contextlib.suppress(ValueError):
            self.cluster.pods.remove(self)

    def logs(self) -> str:
        done = subprocess.run(["podman", "logs", self.container], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr


class Cluster:
    """What is rendered, with the addresses of this machine in place of a cluster's."""

    def __init__(self, image: str, settings: dict[str, str], given: dict[str, dict[str, str]]) -> None:
        self.pods: list[Pod] = []
        self._secrets = list(given)
        for name, values in given.items():
            data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
            run("podman", "secret", "create", name, "-", given=json.dumps(data))
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "kubernetes"
            shutil.copytree(ROOT / "deploy" / "kubernetes", place)
            name, _, tag = image.rpartition(":")
            (place / "check").mkdir()
            (place / "check" / "kustomization.yaml").write_text(
                yaml.safe_dump(
                    {
                        "resources": ["../base"],
                        "configMapGenerator": [
                            {
                                "name": "labelwheel",
                                "behavior": "merge",
                                "literals": [f"{k}={v}" for k, v in settings.items()],
                            }
                        ],
                        "images": [{"name": "labelwheel", "newName": name, "newTag": tag}],
                    }
                )
            )
            rendered = list(yaml.safe_load_all(run("kubectl", "kustomize", str(place / "check"))))
        self.templates = {
            each["metadata"]["name"]: each["spec"]["template"] for each in rendered if each["kind"] == "Deployment"
        }
        (self.configuration,) = (each for each in rendered if each["kind"] == "ConfigMap")

    def close(self) -> None:
        for pod in list(self.pods):
            pod.remove()
        for name in self._secrets:
            run("podman", "secret", "rm", name, fail=False)

    def endpoints(self) -> list[tuple[str, int]]:
        return [(pod.ip, pod.ports["http"]) for pod in self.pods if pod.ready]

    def start(self, *pods: Pod) -> None:
        """All at once; returns when those that have a probe are ready."""
        started = time.monotonic()
        threads = [threading.Thread(target=pod.start) for pod in pods]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for pod in (pod for pod in pods if pod.probes):
            until(f"{pod.name} lives", lambda pod=pod: pod.probe("startupProbe"), 180, self)
            until(f"{pod.name} is ready", lambda pod=pod: pod.probe("readinessProbe"), 180, self)
            pod.ready = True
        print(f"{', '.join(pod.name for pod in pods)}: up after {time.monotonic() - started:.0f} s", flush=True)


def until(what: str, condition: Callable[[], Any], seconds: float, cluster: Cluster) -> Any:
    start = time.monotonic()
    while not (found := condition()):
        if time.monotonic() - start > seconds:
            for pod in cluster.pods:
                print(f"--- {pod.name}\n{pod.logs()[-3000:]}")
            sys.exit(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.5)
    print(f"{what}: {time.monotonic() - start:.0f} s", flush=True)
    return found


@contextlib.contextmanager
def asking(url: str, results: Counter[str]) -> Iterator[None]:
    """Somebody who asks for suggestions without a pause."""
    stop = threading.Event()
    body = {"examples": [{"key": "1", "fields": {"text": "where is my parcel"}}]}

    def ask() -> None:
        while not stop.is_set():
            try:
                answer = requests.post(url, json=body, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
                results[str(answer.status_code)] += 1
            except requests.RequestException as error:
                results[type(error).__name__] += 1
            time.sleep(0.05)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def hardened(pod: Pod) -> None:
    """What the manifests promise of a container, seen from inside."""
    for command in ("touch /x", "touch /opt/labelwheel/x", "test $(id -u) = 0"):
        if (
            subprocess.run(
                ["podman", "exec", pod.container, "sh", "-c", command], capture_output=True, check=False
            ).returncode
            == 0
        ):
            sys.exit(f"{pod.name}: {command} succeeds")
    status = run("podman", "exec", pod.container, "cat", "/proc/1/status")
    capabilities = [line.split()[1] for line in status.splitlines() if line.startswith(("CapEff", "CapBnd"))]
    print(f"{pod.name}: no root, a read-only root, capabilities {set(capabilities)}", flush=True)


def main() -> None:
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(postgresql.running())
        moto, studio = stack.enter_context(Moto()), stack.enter_context(LabelStudioServer())
        name = f"rollout_{secrets.token_hex(4)}"
        database.create(name)
        bucket = moto.bucket(name.replace("_", "-"))
        ways = {
            port: Relay(0, lambda port=port: [("127.0.0.1", port)]) for port in (database.port, moto.port, studio.port)
        }
        held: list[Cluster] = []
        service = Relay(0, lambda: held[0].endpoints() if held else [])
        url = f"http://{NODE}:{service.port}"
        cluster = Cluster(
            sys.argv[1],
            {"LABELWHEEL_STORE": f"{bucket}/labelwheel", "LABELWHEEL_URL": url, "LABELWHEEL_PUBLIC_URL": url},
            {
                "labelwheel": {
                    "token": TOKEN, "read-token": secrets.token_urlsafe(24), "secret-key": secrets.token_urlsafe(40),
                    "database": f"postgresql+psycopg://labelwheel@{NODE}:{ways[database.port].port}/{name}",
                },
                "labelwheel-store": moto.environment | {"AWS_ENDPOINT_URL": f"http://{NODE}:{ways[moto.port].port}"},
            },
        )  # fmt: skip
        held.append(cluster)
        stack.callback(cluster.close)
        web = [Pod(cluster, "web", number) for number in range(3)]
        workers = [Pod(cluster, "worker", number) for number in range(2)]
        cluster.start(*web[:2], *workers)
        for pod in (web[0], workers[0]):
            hardened(pod)

        project = studio.create_project(TOPIC_CONFIG)
        studio.import_tasks(project, [{"data": data} for data in messages.tasks()[:90]])
        print(run(
            "podman", "exec", web[0].container, "labelwheel", "connect", "label-studio", "--url",
            f"http://{NODE}:{ways[studio.port].port}", "--api-key", studio.pat, "--project", str(project),
        ), flush=True)  # fmt: skip

        def status() -> dict[str, Any]:
            return dict(
                requests.get(f"{url}/api/v1/status", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30).json()
            )

        def version() -> str:
            return str(studio.api("GET", f"/api/projects/{project}/")["model_version"])

        first = until(
            "a generation is announced", lambda: (found := version()) not in ("", "None") and found, 240, cluster
        )
        results: Counter[str] = Counter()
        with asking(f"{url}/api/v1/projects/1/suggest", results):
            until("suggestions are answered", lambda: results["200"] > 20, 60, cluster)
            results.clear()
            cluster.start(web[2])
            if web[0].stop():
                sys.exit("a web pod did not end well")
        print(f"answers while a web pod was replaced: {dict(results)}", flush=True)
        if set(results) != {"200"}:
            sys.exit("a rollout cost answers")

        works = next(pod for pod in workers if "the worker is running" in pod.logs())
        (waits,) = (pod for pod in workers if pod is not works)
        run("podman", "kill", "--signal", "KILL", works.container)
        until(f"{waits.name} works in its place", lambda: "the worker is running" in waits.logs(), 120, cluster)
        works.remove()
        for task in studio.task_ids(project)[:LABELS]:
            studio.submit(task, GOLD(studio.task(task)["data"])["topic"])
        until("it takes the labels in", lambda: status()["projects"][0]["work"]["total"] == LABELS, 120, cluster)

        run("podman", "kill", "--signal", "KILL", web[1].container)
        web[1].ready = False
        until("the other web pod answers alone", lambda: status()["projects"][0]["state"] == "connected", 30, cluster)
        gate = re.compile(r"(promoted|rejected) because .*")

        def decided() -> str | None:
            found = [one[0] for one in gate.finditer(waits.logs())]
            return found[-1] if found else None

        said = until("a round in a worker's pod came to the gate", decided, 900, cluster)
        print(f"the gate: {said:.300}", flush=True)
        if said.startswith("promoted"):
            until("it is served from the store", lambda: version() != first, 240, cluster)
        for pod in (web[2], waits):
            if pod.stop():
                sys.exit(f"{pod.name} did not end well")
        print("all of it works")


if __name__ == "__main__":
    main()
