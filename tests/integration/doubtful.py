"""Labels that an inspection is said to have found wrong, and where a labelling tool then shows them."""

from __future__ import annotations

from collections.abc import Sequence

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import CheckpointRow, Event, QuestionRow
from labelwheel.plugins.argilla import doubts as argilla_doubts
from labelwheel.plugins.label_studio import doubts as studio_doubts
from testkit.argilla import ArgillaServer
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from tests.backend import inspection_rows
from tests.backend.views.test_label_errors import found


def inspected(wheel: LabelwheelServer, number: int, keys: Sequence[str], looked_at: int) -> None:
    """As if an inspection of the champion, with all labels so far, had found these."""
    database = Database(f"sqlite:///{wheel.home / 'labelwheel.db'}")
    with database.transaction() as tx:
        question = tx.query(QuestionRow).filter_by(project_id=number, name="topic").one()
        last = max(one for (one,) in tx.query(Event.id))
        section = {"looked_at": looked_at, "suspected": len(keys), "labels": [found(key) for key in keys]}
        checkpoint = tx.get_one(CheckpointRow, question.champion_id)
        inspection_rows.add(tx, checkpoint, {"label_errors": section}, last_event_id=last)
    database.dispose()


def in_label_studio(studio: LabelStudioServer, project: int) -> list[int]:
    """The tasks in the tab of them; none where there is no tab."""
    listed = studio.api("GET", "/api/dm/views/", params={"project": project})
    tabs = [one["id"] for one in listed if one["data"]["title"] == studio_doubts.TITLE]
    asked = [{"project": project, "view": tab, "fields": "all"} for tab in tabs]
    return [task["id"] for one in asked for task in studio.api("GET", "/api/tasks", params=one)["tasks"]]


def in_argilla(server: ArgillaServer, dataset: str) -> list[str]:
    """The records with a number of doubt, as somebody sees them who sorts by it."""
    name = argilla_doubts.PROPERTY
    there = server.api("GET", f"/me/datasets/{dataset}/metadata-properties")["items"]
    if name not in [one["name"] for one in there]:
        return []
    scope = {"entity": "metadata", "metadata_property": name}
    body = {"sort": [{"scope": scope, "order": "asc"}]}
    listed = server.api("POST", f"/datasets/{dataset}/records/search", json=body, params={"limit": 100})["items"]
    return [one["record"]["id"] for one in listed if name in (one["record"]["metadata"] or {})]
