"""Metadata properties of ours: where records have room for what annotators may see, sort by and filter by."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from labelwheel.plugins.argilla.client import Rejected
from labelwheel.plugins.argilla.dataset import Dataset, merged
from labelwheel.plugins.errors import ToolFailed
from labelwheel.plugins.halving import halved

log = logging.getLogger(__name__)

LISTED = 200
TOGETHER = 100
"""So many are written at once: Argilla takes a second for them, in which an annotator waits."""


def ensure(dataset: Dataset, name: str, title: str, kind: str) -> bool:
    """Makes a property that is not there; False where somebody else's has that name.

    Raises Rejected or ToolRefused where none may be made.
    """
    if (found := _find(dataset, name)) is not None:
        return _is_ours(found, kind)
    body = {"name": name, "title": title, "settings": {"type": kind}, "visible_for_annotators": True}
    dataset.client.send("POST", f"{dataset.path}/metadata-properties", body)
    return True


def remove(dataset: Dataset, name: str, kind: str) -> None:
    """Takes a property and its values away, where it is there and ours."""
    found = _find(dataset, name)
    if found is None or not _is_ours(found, kind):
        return
    for listing in dataset.scan((), LISTED):
        put(dataset, name, {str(row["id"]): None for row in listing.rows if name in (row.get("metadata") or {})})
    dataset.client.send("DELETE", f"/metadata-properties/{found['id']}")


def put(dataset: Dataset, name: str, values: Mapping[str, Any]) -> bool:
    """Writes values by record beside whatever else stands in the metadata then; None takes one away.

    False where Argilla did not take some: none of this is worth stopping anything for.
    """
    keys, taken = list(values), True
    for start in range(0, len(keys), TOGETHER):
        rows, _ = halved(keys[start : start + TOGETHER], dataset.search)
        items = [{"id": row["id"], "metadata": merged(row, **{name: values[str(row["id"])]})} for row in rows]
        if not items:
            continue
        try:
            dataset.client.send("PUT", f"{dataset.path}/records/bulk", {"items": items})
        except (Rejected, ToolFailed) as error:
            # such as old metadata of a property that was made stricter
            log.warning("Argilla did not take %s of %s records: %s", name, len(items), error)
            taken = False
    return taken


def _find(dataset: Dataset, name: str) -> Mapping[str, Any] | None:
    listed = dataset.client.get(f"/me{dataset.path}/metadata-properties")["items"]
    return next((one for one in listed if one["name"] == name), None)


def _is_ours(found: Mapping[str, Any], kind: str) -> bool:
    return bool(found["settings"].get("type") == kind)
