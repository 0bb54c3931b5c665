"""The cluster as the launcher asks it: the SDK's Kubernetes backend, with a deadline for every call.

The SDK tells of a TrainJob how it stands, and not why; so its conditions, pods and events are read through the clients
that the SDK holds. Whatever goes wrong there is one of two: the cluster does not answer, or it refuses.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from labelwheel.training.errors import InvalidJob, LauncherUnreachable, LauncherUnusable, MissingExtra
from labelwheel.training.launchers.kubeflow.configuration import Configuration

log = logging.getLogger(__name__)

GROUP, VERSION, PLURAL = "trainer.kubeflow.org", "v1alpha1", "trainjobs"
LEAST_VERSION = (2, 2)
"""Of Kubeflow Trainer: what `runtimePatches` came with."""

SECONDS = (5.0, 30.0)
"""For a connection, and for an answer."""

_LINES = 200
_SYSTEM, _PUBLIC = "kubeflow-system", "kubeflow-trainer-public"


class Cluster:
    """One namespace of a cluster. Everything raises LauncherUnreachable where the cluster does not answer."""

    def __init__(self, configuration: Configuration) -> None:
        """Raises MissingExtra without the SDK, LauncherUnusable without a kubeconfig."""
        try:
            from kubeflow.trainer import KubernetesBackendConfig, TrainerClient
            from kubernetes.config import ConfigException
        except ImportError as error:
            raise MissingExtra(
                f"LABELWHEEL_LAUNCHER=kubeflow needs kubeflow's SDK ({error}): pip install 'labelwheel[kubeflow]'"
            ) from None
        # it warns at each start of a cluster that keeps its version to itself, which `check` looks at
        logging.getLogger("kubeflow.trainer.backends.kubernetes.backend").setLevel(logging.ERROR)
        try:
            config = KubernetesBackendConfig(
                namespace=configuration.namespace,
                context=configuration.context,
                config_file=os.environ.get("KUBECONFIG"),  # the client has read it when it was imported
            )
            self._client = TrainerClient(backend_config=config)
        except (ConfigException, OSError) as error:
            raise LauncherUnusable(
                f"no cluster is known: {error}; set KUBECONFIG, or run in a pod with a service account"
            ) from None
        backend: Any = self._client.backend
        self._jobs, self._core, self.namespace = backend.custom_api, backend.core_api, str(backend.namespace)
        api = self._jobs.api_client
        api.call_api = functools.partial(_bounded, api.call_api)

    def check(self, runtime: str) -> None:
        """Raises LauncherUnusable where the cluster has no Kubeflow Trainer that is new enough, or no such runtime."""
        with self._asked("look for Kubeflow Trainer"):
            try:
                self._jobs.get_api_resources(GROUP, VERSION)
            except Exception as error:
                if status(error) != 404:
                    raise
                raise LauncherUnusable(
                    f"the cluster has no {GROUP}/{VERSION}: install Kubeflow Trainer "
                    f"{'.'.join(map(str, LEAST_VERSION))} or newer there"
                ) from None
        version = self._version()
        if version is not None and version < LEAST_VERSION:
            raise LauncherUnusable(
                f"the cluster's Kubeflow Trainer is {'.'.join(map(str, version))}; "
                f"{'.'.join(map(str, LEAST_VERSION))} or newer is needed: upgrade it"
            )
        try:
            self._client.get_runtime(runtime)
        except Exception as error:
            if status(error) == 404:
                raise LauncherUnusable(
                    f"the cluster has no training runtime {runtime!r}; set LABELWHEEL_KUBEFLOW_RUNTIME to one that "
                    "`kubectl get clustertrainingruntimes` lists"
                ) from None
            log.warning("the training runtime %s cannot be looked at: %s", runtime, said(error))

    def create(self, runtime: str, trainer: Any, options: Sequence[Any]) -> bool:
        """Makes a TrainJob; False where one of its name is there already. Raises InvalidJob where it is refused."""
        try:
            with self._asked("make a TrainJob"):
                self._client.train(runtime=runtime, trainer=trainer, options=list(options))
        except InvalidJob as error:
            if status(error) == 409:
                return False
            raise
        return True

    def job(self, name: str) -> dict[str, Any] | None:
        """A TrainJob as the cluster has it; None where there is none."""
        with self._asked("look at a TrainJob"):
            try:
                found: dict[str, Any] = self._jobs.get_namespaced_custom_object(
                    GROUP, VERSION, self.namespace, PLURAL, name
                )
            except Exception as error:
                if status(error) == 404:
                    return None
                raise
        return found

    def names(self, selector: str) -> list[str]:
        """Those of TrainJobs with these labels."""
        with self._asked("look for TrainJobs"):
            found = self._jobs.list_namespaced_custom_object(
                GROUP, VERSION, self.namespace, PLURAL, label_selector=selector
            )
        return [str(each["metadata"]["name"]) for each in found["items"]]

    def pods(self, name: str) -> list[Any]:
        """Of a TrainJob."""
        with self._asked("look at its pods"):
            selector = f"jobset.sigs.k8s.io/jobset-name={name}"
            return list(self._core.list_namespaced_pod(self.namespace, label_selector=selector).items)

    def events(self, name: str) -> list[Any]:
        """Of a TrainJob and what was made for it, the last at the end."""
        with self._asked("look at its events"):
            found = self._core.list_namespaced_event(self.namespace).items
        mine = [each for each in found if str(each.involved_object.name or "").startswith(name)]
        return sorted(mine, key=lambda each: str(each.last_timestamp or each.event_time or each.first_timestamp or ""))

    def log(self, pod: str, container: str) -> str:
        """The last lines that a pod wrote; empty where it wrote nothing, or is gone."""
        with contextlib.suppress(LauncherUnreachable, InvalidJob), self._asked("read its log"):
            return str(
                self._core.read_namespaced_pod_log(pod, self.namespace, container=container, tail_lines=_LINES) or ""
            )
        return ""

    def delete(self, name: str) -> None:
        """Ends a TrainJob and all that was made for it; nothing happens where there is none."""
        with self._asked("delete a TrainJob"):
            try:
                self._client.delete_job(name)
            except Exception as error:
                if status(error) != 404:
                    raise

    def _version(self) -> tuple[int, ...] | None:
        try:
            data = self._core.read_namespaced_config_map(_PUBLIC, _SYSTEM).data
            number = re.match(r"v?(\d+)\.(\d+)", data["kubeflow_trainer_version"])
        except Exception as error:
            log.info("the cluster does not say which Kubeflow Trainer it has: %s", said(error))
            return None
        return None if number is None else (int(number[1]), int(number[2]))

    @contextlib.contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        try:
            yield
        except (LauncherUnusable, LauncherUnreachable):
            raise
        except Exception as error:  # the SDK wraps what urllib3 and the API raise in errors of its own
            code = status(error)
            if code is None or code == 429 or code >= 500:
                raise LauncherUnreachable(
                    f"the cluster did not answer when asked to {what}: {said(error)}; it is tried again"
                ) from error
            raise InvalidJob(
                f"the cluster refuses to {what} in namespace {self.namespace} ({code}): {said(error)}; check what the "
                "service account may do, quotas, and LABELWHEEL_KUBEFLOW_*"
            ) from error


def _bounded(call: Any, *arguments: Any, **named: Any) -> Any:
    if named.get("_request_timeout") is None:
        named["_request_timeout"] = SECONDS
    return call(*arguments, **named)


def status(error: BaseException | None) -> int | None:
    """The HTTP status that an error, or what it came from, goes back to."""
    while error is not None:
        code = getattr(error, "status", None)
        if isinstance(code, int) and hasattr(error, "reason"):
            return code
        error = error.__cause__ or error.__context__
    return None


def said(error: BaseException) -> str:
    """What the cluster, or the network, has said."""
    found: BaseException = error
    while (inner := found.__cause__ or found.__context__) is not None:
        found = inner
    body = getattr(found, "body", None)
    message = re.search(r'"message":\s*"((?:[^"\\]|\\.)*)"', body if isinstance(body, str) else "")
    text = message[1] if message else getattr(found, "reason", None) or str(found) or type(found).__name__
    return " ".join(str(text).split())[:300].rstrip(".;")
