"""What holds for each installation; a rule yields what breaks it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from labelwheel.backend.app import create_app
from labelwheel.backend.processes import supervisor
from labelwheel.backend.settings import Settings
from labelwheel.training.launchers.kubeflow.configuration import PREFIX, Configuration
from tests.deploy.manifests import Manifest, configuration, containers, of, pods, selected

Rule = Callable[[list[Manifest]], Iterator[str]]

SECRET = re.compile(r"TOKEN|PASSWORD|SECRET|API_KEY|ACCESS_KEY|CREDENTIAL|DATABASE")
REFERENCES = {"LABELWHEEL_KUBEFLOW_SECRETS", "LABELWHEEL_KUBEFLOW_PULL_SECRETS"}
WRITTEN = {"/data", "/home/labelwheel", "/tmp"}
"""What the image writes to: LABELWHEEL_HOME and HF_HOME, HOME, and what libraries take for temporary files."""

ALLOWED_VOLUMES = {"emptyDir", "persistentVolumeClaim", "configMap", "secret", "projected"}
NAMED_KEYS = {"token", "read-token", "secret-key", "database"}


def pods_are_restricted(manifests: list[Manifest]) -> Iterator[str]:
    """As the Pod Security Standard `restricted` asks, and a read-only root beside."""
    for name, pod in pods(manifests):
        context, spec = pod["spec"].get("securityContext", {}), pod["spec"]
        if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
            yield f"{name} may run as root"
        if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{name} has no profile of system calls"
        if any(spec.get(each) for each in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{name} shares namespaces of the node"
        for volume in spec["volumes"]:
            if not set(volume) - {"name"} <= ALLOWED_VOLUMES:
                yield f"{name} mounts {volume}"
    for name, each in containers(manifests):
        context = each.get("securityContext", {})
        if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
            yield f"{name} may gain privileges"
        if context.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{name} keeps capabilities"
        if context.get("readOnlyRootFilesystem") is not True:
            yield f"{name} writes its root"
        if {mount["mountPath"] for mount in each["volumeMounts"]} != WRITTEN:
            yield f"{name} cannot write where it has to"


def secrets_are_references(manifests: list[Manifest]) -> Iterator[str]:
    """None stands in a manifest, and each that is named comes from the one secret."""
    yield from (f"{each['metadata']['name']} is a secret in the open" for each in of(manifests, "Secret"))
    for each in of(manifests, "ConfigMap"):
        yield from (f"{name} is no secret any more" for name in each["data"] if secret(name))
    for name, each in containers(manifests):
        for variable in each.get("env", ()):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if secret(variable["name"]) and reference is None:
                yield f"{name}: {variable['name']} stands there"
            if reference is not None and (
                reference.get("name") != "labelwheel" or reference.get("key") not in NAMED_KEYS
            ):
                yield f"{name}: {variable['name']} is from {reference}"


def secret(variable: str) -> bool:
    return bool(SECRET.search(variable)) and variable not in REFERENCES


def settings_are_real(manifests: list[Manifest]) -> Iterator[str]:
    """A variable that is misspelt would be passed over without a word; a value must be one that is taken."""
    ours = {f"LABELWHEEL_{name.upper()}" for name in Settings.model_fields}
    known = ours | {f"{PREFIX}{name.upper()}" for name in Configuration.model_fields}
    given = configuration(manifests)
    for name, each in containers(manifests):
        variables = [variable["name"] for variable in each.get("env", ())]
        yield from (f"{name}: {variable}" for variable in {*given, *variables} - known)
        twice = set(given) & set(variables)
        yield from (f"{variable} is set twice" for variable in twice)
    try:
        Settings(**{name.removeprefix("LABELWHEEL_").lower(): value for name, value in given.items() if name in ours})
    except ValueError as error:
        yield str(error)


def probes_have_routes(manifests: list[Manifest]) -> Iterator[str]:
    """And ask at a port that the container names, without credentials, which a probe cannot have."""
    with tempfile.TemporaryDirectory() as home:
        app = create_app(Settings(home=Path(home)), start=False)
    open_to_all = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if getattr(app.view_functions[rule.endpoint], "own_credentials", 0)
    }
    for name, each in containers(manifests):
        found = {
            kind: each[kind]["httpGet"] for kind in ("startupProbe", "readinessProbe", "livenessProbe") if kind in each
        }
        for kind, asked in found.items():
            if asked["path"] not in open_to_all:
                yield f"{name}: nothing answers {asked['path']}"
            if asked["port"] not in {port["name"] for port in each.get("ports", ())}:
                yield f"{name}: no port {asked['port']}"
            if (asked["path"] == "/ready") is not (kind == "readinessProbe"):
                yield f"{name}: a pod that waits for its models would be ended"
        if each.get("ports") and len(found) != 3:
            yield f"{name} is not asked all three"


def pods_end_in_time(manifests: list[Manifest]) -> Iterator[str]:
    """What preStop takes and what the supervisor grants have to fit into the pod's own grace."""
    for name, pod in pods(manifests):
        taken = supervisor.STOP_SECONDS
        for each in pod["spec"]["containers"]:
            if each.get("ports"):
                command = each.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["none", "0"])
                if command[0] != "sleep" or float(command[1]) < 5:
                    yield f"{name} stops before others know that it does"
                taken += float(command[1])
        if taken + 5 > pod["spec"]["terminationGracePeriodSeconds"]:
            yield f"{name} is killed while it drains"


def selectors_select(manifests: list[Manifest]) -> Iterator[str]:
    """Deployments their pods; services, budgets, monitors some that there are."""
    labels = [pod["metadata"]["labels"] for _, pod in pods(manifests)]
    for each in of(manifests, "Deployment"):
        if not selected(each["spec"]["selector"], each["spec"]["template"]["metadata"]["labels"]):
            yield f"{each['metadata']['name']} does not select its own pods"
        for spread in each["spec"]["template"]["spec"].get("topologySpreadConstraints", ()):
            if not selected(spread["labelSelector"], each["spec"]["template"]["metadata"]["labels"]):
                yield f"{each['metadata']['name']} spreads other pods"
    for kind, taken in (
        ("Service", lambda each: {"matchLabels": each["spec"]["selector"]}),
        ("PodDisruptionBudget", lambda each: each["spec"]["selector"]),
    ):
        for each in of(manifests, kind):
            if sum(selected(taken(each), one) for one in labels) != 1:
                yield f"{kind} {each['metadata']['name']} selects the wrong pods"
    services = [each["metadata"]["labels"] for each in of(manifests, "Service")]
    for each in of(manifests, "ServiceMonitor"):
        if not any(selected(each["spec"]["selector"], one) for one in services):
            yield f"ServiceMonitor {each['metadata']['name']} selects no service"
    for each in of(manifests, "HorizontalPodAutoscaler"):
        (target,) = of(manifests, each["spec"]["scaleTargetRef"]["kind"], each["spec"]["scaleTargetRef"]["name"])
        if "replicas" in target["spec"]:
            yield "each apply would set back what the autoscaler chose"


def resources_are_bounded(manifests: list[Manifest]) -> Iterator[str]:
    """Memory by a limit, cores by the threads that a process starts: as many as it asks for, not as the node has."""
    for name, each in containers(manifests):
        resources = each.get("resources", {})
        if not {"cpu", "memory"} <= set(resources.get("requests", {})) or "memory" not in resources.get("limits", {}):
            yield f"{name} is not bounded"
        threads = {"web": "SERVING", "serve": "SERVING", "worker": "JOB"}.get(each["args"][1])
        if threads:
            wanted = {"containerName": each["name"], "resource": "requests.cpu"}
            found = [one.get("valueFrom", {}).get("resourceFieldRef") for one in each["env"]
                     if one["name"] == f"LABELWHEEL_{threads}_THREADS"]  # fmt: skip
            if [{key: one[key] for key in wanted} for one in found if one] != [wanted]:
                yield f"{name} takes all cores of its node"
    for name, pod in pods(manifests):
        for volume in pod["spec"]["volumes"]:
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{name}: {volume['name']} may fill the node"


def the_database_is_ready_first(manifests: list[Manifest]) -> Iterator[str]:
    """By an init container with the pod's own image and settings."""
    for name, pod in pods(manifests):
        first, (main,) = pod["spec"].get("initContainers", [{}])[0], pod["spec"]["containers"]
        if first.get("args") != ["labelwheel", "migrate"]:
            yield f"{name} starts before its tables are there"
            continue
        ours, its = ({each["name"]: each for each in one["env"]} for one in (main, first))
        for variable in ("LABELWHEEL_DATABASE", "LABELWHEEL_SECRET_KEY", "LABELWHEEL_TOKEN"):
            if ours.get(variable) != its.get(variable):
                yield f"{name}: another {variable} for the migration"
        if first["envFrom"] != main["envFrom"] or first["volumeMounts"] != main["volumeMounts"]:
            yield f"{name}: the migration is set otherwise"


def only_who_asks_the_cluster_has_a_token(manifests: list[Manifest]) -> Iterator[str]:
    """Which is the worker that makes TrainJobs."""
    launches = configuration(manifests).get("LABELWHEEL_LAUNCHER") == "kubeflow"
    for name, pod in pods(manifests):
        asks = launches and name == "labelwheel-worker"
        if pod["spec"].get("automountServiceAccountToken") is not asks:
            yield f"{name}: the token of {pod['spec']['serviceAccountName']}"
        if not of(manifests, "ServiceAccount", pod["spec"]["serviceAccountName"]):
            yield f"{name}: there is no {pod['spec']['serviceAccountName']}"
    for each in of(manifests, "ServiceAccount"):
        if each.get("automountServiceAccountToken") is not False:
            yield f"{each['metadata']['name']} gives tokens to whoever uses it"


RULES: list[Rule] = [
    pods_are_restricted, secrets_are_references, settings_are_real, probes_have_routes, pods_end_in_time,
    selectors_select, resources_are_bounded, the_database_is_ready_first, only_who_asks_the_cluster_has_a_token,
]  # fmt: skip
