"""Labels to look at again as a number in the metadata: `labelwheel_doubt`, 1 for the most doubtful.

The property is made when there are some, and goes with the last of them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from labelwheel.plugins.argilla import properties, ranks
from labelwheel.plugins.argilla.client import Missing
from labelwheel.plugins.argilla.dataset import Dataset
from labelwheel.plugins.errors import ToolError

log = logging.getLogger(__name__)

PROPERTY = "labelwheel_doubt"
TITLE = "Probable label errors (1 first)"


def show(dataset: Dataset, keys: Sequence[str]) -> None:
    """Numbers the first of these records, and takes the number of all others away. Raises ToolError."""
    if not keys:
        properties.remove(dataset, PROPERTY, "integer")
        return
    if not properties.ensure(dataset, PROPERTY, TITLE, "integer"):
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
