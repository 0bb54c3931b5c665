"""The connectors that are installed, found through the entry points `labelwheel.connectors`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr

from labelwheel.backend.database.keyring import Keyring
from labelwheel.backend.database.tables import Project
from labelwheel.backend.errors import NotFound
from labelwheel.plugins.connector import Connection, Connector
from labelwheel.training import entry_points

GROUP = "labelwheel.connectors"


def names() -> list[str]:
    """The labelling tools that can be connected."""
    return sorted(_installed())


def entry(tool: str) -> EntryPoint:
    """What one is loaded from. Raises KeyError."""
    return _installed()[tool]


def load(tool: str) -> type[Connector]:
    """The connector of a labelling tool; raises NotFound, naming those that are installed, or BrokenPlugin."""
    found = _installed().get(tool)
    if found is None:
        raise NotFound(f"there is no connector for {tool!r}; installed: {', '.join(names()) or 'none'}")
    loaded: type[Connector] = entry_points.load(found)
    return loaded


def connect(
    project: Project, keys: Keyring, api_key: SecretStr | None = None, options: Mapping[str, Any] = MappingProxyType({})
) -> Connector:
    """The connector of one project, with another key and more options where they are given. Calls nothing yet.

    Raises WrongKey where its secrets cannot be decrypted.
    """
    return load(project.tool)(
        Connection(
            tool=project.tool,
            url=project.url,
            api_key=api_key or SecretStr(keys.open(project.api_key)),
            project=project.external_id,
            options={**keys.open_options(project.options), **options},
        )
    )


@cache
def _installed() -> dict[str, EntryPoint]:
    return {each.name: each for each in entry_points.installed(GROUP)}
