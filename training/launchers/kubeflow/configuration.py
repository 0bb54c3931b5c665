"""What the operator says of the cluster: settings of the launcher's own, beside those of the service."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from labelwheel.training import places
from labelwheel.training.errors import LauncherUnusable

PREFIX = "LABELWHEEL_KUBEFLOW_"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")

Pairs = Annotated[dict[str, str], NoDecode]
"""As `NAME=value, OTHER=value`."""


class Configuration(BaseSettings):
    """Where TrainJobs run, and as what. `store` is the service's own setting LABELWHEEL_STORE."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    store: str = Field(validation_alias="LABELWHEEL_STORE", description="the object store; jobs see nothing else")
    image: str = Field(description="the image that jobs run in: that of `Dockerfile`, with the driver of the store")
    namespace: str | None = Field(None, description="where TrainJobs are made; that of the kubeconfig if not set")
    context: str | None = Field(
        None, description="a context of the kubeconfig (`KUBECONFIG`); the current one if not set"
    )
    runtime: str = Field("torch-distributed", description="the training runtime that TrainJobs refer to")
    nodes: int = Field(1, ge=1, le=64, description="pods of a job, which share a training that is worth it")
    cpu: str = Field("2", description="CPU cores that a pod of a job asks for")
    memory: str = Field("4Gi", description="memory that a pod of a job asks for")
    gpus: int = Field(0, ge=0, le=16, description="GPUs of each pod; each of them has a process")
    split: Literal["auto", "always", "never"] = Field(
        "auto", description="which trainings all processes of a job share: those that are worth it (`auto`), all, none"
    )
    gpu_resource: str = Field(
        "nvidia.com/gpu", description="what the cluster calls a GPU, such as `nvidia.com/mig-1g.10gb`"
    )
    node_selector: Pairs = Field({}, description="labels of nodes, as `label=value, other=value`; a class of GPU, say")
    tolerate: str = Field("", description="taints that jobs tolerate, by their keys, separated by commas")
    queue: str | None = Field(None, description="the local queue of Kueue that a job waits in")
    service_account: str | None = Field(
        None, description="what jobs are to the cluster, and so to the store (workload identity)"
    )
    env: Pairs = Field({}, description="variables of a job, as `NAME=value, OTHER=value`; nothing secret")
    secrets: Pairs = Field({}, description="variables from secrets, as `AWS_SECRET_ACCESS_KEY=secret/key, …`")
    pull_secrets: str = Field("", description="secrets with which the image is pulled, separated by commas")
    pending_minutes: float = Field(
        10.0, gt=0, description="so long a job waits for a node or its image before it has failed"
    )

    @field_validator("node_selector", "env", "secrets", mode="before")
    @classmethod
    def _pairs(cls, said: object) -> object:
        if not isinstance(said, str):
            return said
        parts = [part.strip() for part in said.split(",") if part.strip()]
        if any("=" not in part for part in parts):
            raise ValueError("it is a list of NAME=value, separated by commas")
        return {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in parts)}

    @field_validator("secrets")
    @classmethod
    def _secret(cls, said: dict[str, str]) -> dict[str, str]:
        for value in said.values():
            name, _, key = value.partition("/")
            if not key or not _NAME.fullmatch(name):
                raise ValueError("each is VARIABLE=secret/key")
        return said

    @field_validator("store")
    @classmethod
    def _url(cls, said: str) -> str:
        if not places.is_url(said):
            raise ValueError("it has to be a URL, such as s3://bucket/labelwheel: pods see no disk of this machine")
        return said.rstrip("/")

    @property
    def per_node(self) -> int:
        """Processes of a pod: one for each GPU."""
        return max(1, self.gpus)

    @property
    def owner(self) -> str:
        """A label that no other installation's jobs have: checkpoints of one store are of one."""
        return hashlib.sha256(self.store.encode()).hexdigest()[:16]


def read() -> Configuration:
    """From the environment. Raises LauncherUnusable, which names the variable."""
    try:
        return Configuration()  # type: ignore[call-arg]
    except ValidationError as error:
        one = error.errors()[0]
        name = str(one["loc"][0]) if one["loc"] else ""
        variable = name if name.startswith("LABELWHEEL_") else PREFIX + name.upper()
        said = "it has to be set" if one["type"] == "missing" else one["msg"].removeprefix("Value error, ")
        raise LauncherUnusable(f"{variable}: {said} (LABELWHEEL_LAUNCHER=kubeflow)") from None
