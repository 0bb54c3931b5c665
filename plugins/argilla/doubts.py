"""Labels to look at again as a number in the metadata: `labelwheel_doubt`, 1 for the most doubtful.

The property is made when there are some, and goes with the last of them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from labelwheel.plugins.argilla import ranks
from labelwheel.plugins.argilla.client import Missing
from labelwheel.plugins.argilla.dataset import Dataset
from labelwheel.plugins.errors import ToolError

log = logging.getLogger(__name__)

PROPERTY = "labelwheel_doubt"
TITLE = "Probable label errors (1 first)"


def show(dataset: Dataset, keys: Sequence[str]) -> None:
    """Numbers the first of these records, and takes the number of all others away. Raises ToolError."""
    found = _property(dataset)
    ours = found is not None and found["settings"].get("type") == "integer"
    if not keys:
        if found is not None and ours:
            ranks.clear(dataset, PROPERTY)
            dataset.client.send("DELETE", f"/metadata-properties/{found['id']}")
        return
    if found is None:
        body = {"name": PROPERTY, "title": TITLE, "settings": {"type": "integer"}, "visible_for_annotators": True}
        dataset.client.send("POST", f"{dataset.path}/metadata-properties", body)
    elif not ours:
        raise ToolError(
            f"label errors are not shown: dataset {dataset.name!r} has a metadata property {PROPERTY!r} that is not of "
            "integers; take it away in the dataset's settings"
        )
    rows = dataset.numbered(PROPERTY)
    ranks.renumber(dataset, keys, {str(row["id"]): row["metadata"][PROPERTY] for row in rows}, PROPERTY)


def remove(dataset: Dataset) -> None:
    """Takes property and numbers away."""
    try:
        show(dataset, ())
    except Missing as error:
        log.info("nothing to tidy up: %s", error)


def _property(dataset: Dataset) -> dict[str, Any] | None:
    listed = dataset.client.get(f"/me{dataset.path}/metadata-properties")["items"]
    return next((one for one in listed if one["name"] == PROPERTY), None)
