"""The connectors that are installed, found through the entry points `labelwheel.connectors`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from pydantic import SecretStr

from labelwheel.backend.database.keyring import Keyring
from labelwheel.backend.database.tables import Project
from labelwheel.backend.errors import NotFound
from labelwheel.plugins.connector import Connection, Connector

GROUP = "labelwheel.connectors"


def names() -> list[str]:
    """The labelling tools that can be connected."""
    return sorted(_installed())


def load(tool: str) -> type[Connector]:
    """The connector of a labelling tool; raises NotFound, naming those that are installed."""
    entry = _installed().get(tool)
    if entry is None:
        raise NotFound(f"there is no connector for {tool!r}; installed: {', '.join(names()) or 'none'}")
    found: type[Connector] = entry.load()
    return found


def connect(project: Project, keys: Keyring) -> Connector:
    """The connector of one project. Calls nothing yet. Raises WrongKey where its secrets cannot be decrypted."""
    return load(project.tool)(
        Connection(
            tool=project.tool,
            url=project.url,
            api_key=SecretStr(keys.open(project.api_key)),
            project=project.external_id,
            options=keys.open_options(project.options),
        )
    )


@cache
def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
