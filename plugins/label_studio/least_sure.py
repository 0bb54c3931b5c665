"""All that is left to label as a tab of the Data Manager, what the model is least sure of first."""

from __future__ import annotations

import logging
from typing import Any

from labelwheel.plugins.errors import ToolError
from labelwheel.plugins.label_studio import tabs
from labelwheel.plugins.label_studio.project import Project, where

log = logging.getLogger(__name__)

TITLE = "Labelwheel: least sure first"
_HIDDEN = (
    "inner_id completed_at total_annotations cancelled_annotations total_predictions annotators annotations_results "
    "annotations_ids file_upload storage_filename created_at updated_at updated_by avg_lead_time draft_exists"
)
"""What leaves the text, the score, the version and the suggestion to be seen."""


def add(project: Project) -> None:
    """The tab, made where there is none; where Label Studio makes none, that costs nothing else."""
    # Blind tasks have no suggestion, and are not told apart by standing first. Tasks without a text, or with one that
    # is too long to be read, have one that says nothing, with the score 0.
    said = where("predictions_results", "contains", "from_name", "String")
    open_ = (where("total_annotations", "equal", 0, "Number"), said)
    hidden = [f"tasks:{name}" for name in _HIDDEN.split()]
    data: dict[str, Any] = {
        "title": TITLE, "type": "list", "target": "tasks", "ordering": ["tasks:predictions_score"],
        "filters": {"conjunction": "and", "items": list(open_)},
        "hiddenColumns": {"explore": hidden, "labeling": hidden},
    }  # fmt: skip
    try:
        if tabs.find(project, TITLE) is None:
            tabs.make(project, data)
    except ToolError as error:
        log.warning("project %s: the tab %r cannot be made: %s", project.id, TITLE, error)


def remove(project: Project) -> None:
    """Takes the tab away; one that Label Studio keeps does no harm."""
    try:
        if (tab := tabs.find(project, TITLE)) is not None:
            tabs.delete(project, tab)
    except ToolError as error:
        log.warning("project %s: the tab %r stays: %s", project.id, TITLE, error)
