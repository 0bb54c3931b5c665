"""Labels that an inspection is said to have found wrong: where a labelling tool shows them and they are put right."""

from __future__ import annotations

from collections.abc import Sequence

from playwright.sync_api import Page, expect

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import CheckpointRow, Event, QuestionRow
from labelwheel.plugins.argilla import doubts as argilla_doubts
from labelwheel.plugins.label_studio import doubts as studio_doubts
from testkit import argilla_browser, argilla_stage, browser, stage
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


def put_right(place: stage.Stage | argilla_stage.Stage, page: Page, address: str, key: str, topic: str) -> None:
    """As somebody does who opens the address of an example in the tool and gives another answer."""
    if isinstance(place, stage.Stage):
        _put_right_task(browser.Person(page, place.studio, browser.ARTIFACTS), address, int(key), topic)
    else:
        (text,) = (record["fields"]["text"] for record in place.records() if record["id"] == key)
        person = argilla_browser.Person(page, place.server.url)
        person.log_in(place.server.username, place.server.password)
        _put_right_record(person, address, text, topic)


def _put_right_task(person: browser.Person, address: str, task: int, topic: str) -> None:
    person.log_in()
    person.page.goto(address)
    expect(person.page.get_by_test_id("bottombar-update-button")).to_be_visible()
    assert person.task() == task
    person.choice(topic).locator("xpath=ancestor::label").click()
    person.update()


def _put_right_record(person: argilla_browser.Person, address: str, text: str, topic: str) -> None:
    person.open(address)
    assert text in person.text()
    person.choose("topic", topic)
    assert person.chosen("topic") == [topic]
    person.submit()
