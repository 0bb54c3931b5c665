"""Which dataset is meant by a name, and what is said where there is none, or none any more."""

from __future__ import annotations

from labelwheel.plugins.alternatives import alternatives
from labelwheel.plugins.argilla.client import Client, Missing
from labelwheel.plugins.errors import ToolError

SEPARATOR = "/"
"""Between workspace and dataset in a project's name; neither may contain it."""


def find(client: Client, place: str, known: str | None) -> str:
    """The id of the dataset at `workspace/name`, or of that name; `known` is the one that was connected before.

    Raises ToolError where several have the name, and Missing.
    """
    workspace, _, name = place.rpartition(SEPARATOR)
    spaces = {one["id"]: one["name"] for one in client.get("/me/workspaces")["items"]}
    listed = client.get("/me/datasets")["items"]
    named = (one for one in listed if one["name"] == name and workspace in ("", spaces.get(one["workspace_id"])))
    found = list(named) or [one for one in listed if one["id"] == place]
    found = found or [one for one in listed if one["id"] == known]  # renamed since it was connected
    if not found and known is not None:
        raise gone(client, place)
    if not found:
        where = f"workspace {workspace!r}" if workspace else "any workspace"
        # one of that name may be in another workspace
        there = [(str(one["name"]), str(spaces.get(one["workspace_id"]))) for one in listed]
        shown = {(each, f"{space}{SEPARATOR}{each}" if workspace else each) for each, space in there}
        names = alternatives(name, sorted(shown))
        raise Missing(
            f"Argilla at {client.url} has no dataset {name!r} in {where} that this key may see; there are: {names}"
        )
    if len(found) > 1:
        names = ", ".join(sorted(str(spaces.get(one["workspace_id"])) for one in found))
        raise ToolError(f"There are several datasets {name!r}: say which with --workspace; there are: {names}")
    return str(found[0]["id"])


def gone(client: Client, place: str) -> Missing:
    """What to say of one that was connected."""
    return Missing(
        f"Argilla at {client.url} has no dataset {place!r} any more; its labels are kept here. "
        "Connect again if there is one, or disconnect it"
    )
