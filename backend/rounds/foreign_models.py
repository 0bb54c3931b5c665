"""The models of the operator's own that LABELWHEEL_ML_BACKENDS names, and what runs them.

They come from this setting and from nowhere else: no request, no project and no checkpoint can name a file.
"""

from __future__ import annotations

import importlib.util
import sys
from functools import lru_cache
from pathlib import Path

from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.projects import connectors
from labelwheel.backend.settings import Settings
from labelwheel.plugins.capabilities import Bridges
from labelwheel.training.errors import BrokenPlugin
from labelwheel.training.foreign import model as known
from labelwheel.training.foreign.model import ForeignModel


def configured(settings: Settings) -> tuple[ForeignModel, ...]:
    """Each with the hash that its file had when this process first asked. Raises InvalidSettings."""
    return tuple(
        ForeignModel(
            path=str(path), attribute=attribute, sha256=digest, command=_bridge(),
            seconds=settings.ml_backend_seconds, learn_seconds=settings.job_minutes * 60.0,
            memory_mb=settings.ml_backend_mb, variables=_names(settings.ml_backend_variables),
        )
        for path, attribute, digest in _files(settings.ml_backends)
    )  # fmt: skip


def install(settings: Settings) -> None:
    """Has this process run these and no others."""
    known.name(configured(settings))


@lru_cache(maxsize=8)
def _files(setting: str) -> tuple[tuple[Path, str, str], ...]:
    found: list[tuple[Path, str, str]] = []
    for each in _names(setting):
        place, _, attribute = each.rpartition(":")
        path = Path(place).absolute()
        if not place or not attribute.isidentifier() or path.suffix != ".py":
            raise InvalidSettings(f"LABELWHEEL_ML_BACKENDS: {each!r:.200} is not path/to/model.py:ClassName")
        digest = known.digest(path)
        if digest is None:
            raise InvalidSettings(f"LABELWHEEL_ML_BACKENDS: there is no file {path} that can be read")
        found.append((path, attribute, digest))
    if len({(path.name, attribute) for path, attribute, _ in found}) < len(found):
        raise InvalidSettings("LABELWHEEL_ML_BACKENDS: two have one name; reports could not tell them apart")
    return tuple(found)


@lru_cache(maxsize=1)
def _bridge() -> tuple[str, ...]:
    """The command that runs such a model, by the connector that knows how."""
    for tool in connectors.names():
        try:
            connector: object = connectors.load(tool)
        except BrokenPlugin:
            continue
        if isinstance(connector, Bridges) and importlib.util.find_spec(connector.bridge):
            return sys.executable, "-P", "-m", connector.bridge
    raise InvalidSettings("LABELWHEEL_ML_BACKENDS: no connector that is installed can run such a model")


def _names(setting: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in setting.split(",") if name.strip())
