"""Another key for a project that is connected: the tool is asked about it before the one that works is given up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr
from sqlalchemy import select

from labelwheel.backend.database import keyring
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.keyring import Keyring, WrongKey
from labelwheel.backend.database.tables import Project, ProjectState
from labelwheel.backend.projects import connectors
from labelwheel.backend.settings import Settings
from labelwheel.plugins.addresses import check_allowed, checked
from labelwheel.plugins.errors import ToolError


def check(
    database: Database,
    settings: Settings,
    tool: str,
    url: str,
    external_id: str,
    api_key: str,
    options: Mapping[str, Any],
) -> None:
    """Raises what the tool says to a key that is not the project's, where that is connected; else asks nobody.

    A key that was mistyped would end suggestions and labels, and the good one is nowhere but here.
    """
    url, keys = checked(url), keyring.load(settings)
    place = select(Project).where(
        Project.tool == tool, Project.url == url, Project.external_id == str(external_id).strip(),
        Project.state == ProjectState.CONNECTED,
    )  # fmt: skip
    with database.session() as session:
        project = session.scalars(place).one_or_none()
        if project is None or not api_key or _known(project, keys) in (api_key, None):
            return
        check_allowed(url, settings.tool_places)
        connector = connectors.connect(project, keys, SecretStr(api_key), options)
    try:
        connector.config()
    except ToolError as error:
        raise type(error)(f"{error}; project {project.id} goes on with the key that it has") from error


def _known(project: Project, keys: Keyring) -> str | None:
    """The key that the project has; None where nobody can read it any more, and another one is what helps."""
    try:
        return keys.open(project.api_key)
    except WrongKey:
        return None
