"""An MLflow registry: a version of a registered model, with an alias, that MLflow's own loaders load.

The folder that MLflow reads is written here, a file of YAML around the plain one, as its format says: MLflow's own
saver breaks over versions of transformers that it does not know yet, its loader does not.
https://mlflow.org/docs/latest/ml/model/#storage-format
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from labelwheel.backend.errors import InvalidRequest, InvalidSettings, PushFailed
from labelwheel.backend.publishing import inventory as inventories
from labelwheel.backend.publishing.inventory import FILE, Inventory
from labelwheel.backend.publishing.patience import answered
from labelwheel.training.errors import LabelwheelError, MissingExtra

EXPERIMENT = "labelwheel"
"""Where the runs are that have the files of versions."""
CHAMPION = "champion"
_VERSION, _FILES = "labelwheel_version", "labelwheel_files"
_MODEL, _COMPONENTS = "model", "components/tokenizer"
_NAME = re.compile(r"[^/:@.%\"'\\\x00-\x1f]{1,200}")
_TASKS = {
    "ForSequenceClassification": ("text-classification", "TextClassificationPipeline"),
    "ForTokenClassification": ("token-classification", "TokenClassificationPipeline"),
}
_WORDS = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "added_tokens.json")


class ModelRegistry:
    """See `Destination`. Where it is and who we are, MLflow knows: MLFLOW_TRACKING_URI, MLFLOW_TRACKING_TOKEN …"""

    def __init__(self, name: str, which: str | None, champion: bool) -> None:
        self._name, self._which, self._champion = name, which, champion
        self._place = f"mlflow:{name}" + (f"@{which}" if which else "")

    @classmethod
    def at(cls, rest: str, champion: bool) -> ModelRegistry:
        """`NAME`, or with `@ALIAS` or `@NUMBER` at its end; raises InvalidRequest."""
        name, at, which = rest.partition("@")
        if not _NAME.fullmatch(name) or (at and not re.fullmatch(r"[\w.-]{1,255}", which)):
            raise InvalidRequest(f"mlflow:{rest} is no name of a registered model; give mlflow:NAME")
        return cls(name, which or None, champion)

    def push(self, folder: Path, inventory: Inventory) -> str:
        """Files first, then the version that names them, then the alias of a champion."""
        if self._which:
            raise InvalidRequest("a push names its version itself; leave what follows the @ away")
        with _answering(self._place) as client:
            digest = hashlib.sha256(inventory.text).hexdigest()
            found = answered(self._place, lambda: client.search_model_versions(f"name = '{self._name}'"))
            known = [one for one in found if one.tags.get(_VERSION) == inventory.version and one.status == "READY"]
            same = [one for one in known if one.tags.get(_FILES) == digest]
            number = same[0].version if same else self._register(client, folder, inventory, digest)
            if self._champion:
                client.set_registered_model_alias(self._name, CHAMPION, number)
        return f"mlflow:{self._name}@{number}"

    def pull(self, folder: Path) -> Inventory:
        """The files of a version: that with the alias `champion`, unless another was named."""
        which = self._which or CHAMPION
        with _answering(self._place) as client, tempfile.TemporaryDirectory(prefix="labelwheel-") as scratch:
            by_number = which.isdecimal()
            find = client.get_model_version if by_number else client.get_model_version_by_alias
            version = answered(self._place, lambda: find(self._name, which))
            there = Path(_download(str(version.source), scratch)) / _MODEL
            if not (there / FILE).is_file():
                raise PushFailed(f"{self._place} was not pushed by labelwheel; load it with MLflow")
            known = inventories.read((there / FILE).read_bytes(), self._place)

            def get(name: str, target: Path) -> None:
                shutil.move(there.joinpath(*PurePosixPath(name).parts), target)

            inventories.receive(known, self._place, folder, get)
        return known

    def _register(self, client: Any, folder: Path, inventory: Inventory, digest: str) -> str:
        with tempfile.TemporaryDirectory(prefix="labelwheel-") as scratch:
            written = Path(scratch) / _MODEL
            _write(folder, inventory, written)
            experiment = client.get_experiment_by_name(EXPERIMENT)
            number = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
            run = client.create_run(number, run_name=inventory.version)
            try:
                client.log_artifacts(run.info.run_id, str(written), _MODEL)
                with contextlib.suppress(_exists()):
                    client.create_registered_model(self._name)
                made = client.create_model_version(
                    self._name,
                    f"{run.info.artifact_uri}/{_MODEL}",
                    run_id=run.info.run_id,
                    tags={_VERSION: inventory.version, _FILES: digest},
                    description=f"{inventory.version}, by labelwheel",
                )
                client.set_terminated(run.info.run_id)
            except BaseException:
                with contextlib.suppress(Exception):
                    client.delete_run(run.info.run_id)  # no version names it
                raise
        return str(made.version)


def _write(folder: Path, inventory: Inventory, target: Path) -> None:
    """The folder that MLflow reads: the plain one within, the tokenizer by itself, and what says so."""
    from mlflow.models import Model

    config = json.loads((folder / "config.json").read_bytes())
    (architecture,) = config["architectures"][:1]
    task, pipeline = next(found for end, found in _TASKS.items() if architecture.endswith(end))
    shutil.copytree(folder, target / _MODEL)
    (target / _MODEL / FILE).write_bytes(inventory.text)
    (target / _COMPONENTS).mkdir(parents=True)
    for name in _WORDS:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, target / _COMPONENTS / name)
    (target / "requirements.txt").write_text("mlflow\ntorch\ntransformers\n", "utf-8")
    model = Model()
    model.add_flavor("python_function", loader_module="mlflow.transformers", python_version="3.11", env={})
    model.add_flavor(
        "transformers",
        task=task,
        instance_type=pipeline,
        pipeline_model_type=architecture,
        source_model_name=inventory.version,
        model_binary=_MODEL,
        components=["tokenizer"],
        tokenizer_type="AutoTokenizer",
        code=None,
    )
    model.save(target / "MLmodel")


def _download(source: str, target: str) -> str:
    from mlflow.artifacts import download_artifacts

    return str(download_artifacts(artifact_uri=source, dst_path=target))


def _exists() -> type[Exception]:
    """What a registry says of a name that it has; every other reason meets us again at the next call."""
    from mlflow.exceptions import RestException

    return RestException


@contextlib.contextmanager
def _answering(place: str) -> Iterator[Any]:
    """MLflow's client; what the server refuses, in a line without anybody's credentials."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # whoever wants it, says so
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    try:
        import mlflow
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise MissingExtra('an MLflow registry needs `pip install "labelwheel[mlflow]"`') from None
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    where = mlflow.get_registry_uri()
    if not where.startswith(("http://", "https://", "databricks")):
        raise InvalidSettings(f"set MLFLOW_TRACKING_URI to the MLflow server's address; it is {where!r}")
    try:
        yield mlflow.MlflowClient()
    except LabelwheelError:
        raise
    except Exception as error:  # of the registry, of where it keeps artifacts, of the disk
        said = re.sub(r"//[^/@\s]*@", "//", " ".join(str(error).split()))[:300] or type(error).__name__
        code = getattr(error, "error_code", "") if isinstance(error, MlflowException) else ""
        raise PushFailed(f"{place}: {_advice(str(code), said)}") from None


def _advice(code: str, said: str) -> str:
    if code in ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED") or re.search(r"\b401\b", said):
        return "MLflow does not let these credentials in: set MLFLOW_TRACKING_USERNAME and _PASSWORD, or _TOKEN"
    if code == "PERMISSION_DENIED" or re.search(r"\b403\b", said):
        return f"these credentials may not do that in MLflow: {said}"
    if code == "RESOURCE_DOES_NOT_EXIST" or "not found" in said or re.search(r"\b404\b", said):
        return f"MLflow has no such model or version: {said}; give what `labelwheel push` printed"
    if re.search(r"\b(507|413)\b|No space left|[Ii]nsufficient [Ss]torage", said):
        return f"MLflow has no space for it: {said}; make room there, nothing was registered"
    return f"{said}; check the network and MLFLOW_TRACKING_URI; nothing was registered, try again"
