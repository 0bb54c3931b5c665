"""Label Studio's interactive mode as a person sees it: one mark drawn, and the same words are marked elsewhere too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import expect

from testkit import browser
from testkit.browser import Person
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(900)]

CONFIG = (
    '<View><Labels name="mentions" toName="text"><Label value="Paper"/><Label value="Firm"/></Labels>'
    '<Text name="text" value="$text"/>'
    '<Choices name="topic" toName="text"><Choice value="Billing"/><Choice value="Delivery"/></Choices></View>'
)
TEXT = "😀 The invoice of Acme is late. I have two invoices from Acme, and an invoice-like note about the invoice."
SETTINGS = {"LABELWHEEL_FIRST_ROUND": "5000", "LABELWHEEL_POLL_SECONDS": "1", "LABELWHEEL_BLIND": "0"}


class World(NamedTuple):
    studio: LabelStudioServer
    wheel: LabelwheelServer
    project: int


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    browser.executable()  # before anything is started
    with LabelStudioServer() as studio, LabelwheelServer(environment=SETTINGS) as wheel:
        project = studio.create_project(CONFIG, [{"text": TEXT}])
        wheel.connect("label-studio", studio.url, studio.pat, project=project)
        yield World(studio, wheel, project)


def words(regions: list[dict[str, Any]]) -> list[str]:
    marked = sorted((each["value"] for each in regions if each["type"] == "labels"), key=lambda value: value["start"])
    assert all(TEXT[value["start"] : value["end"]] == value["text"] for value in marked)
    return [value["text"] for value in marked]


def test_what_is_marked_once_is_marked_elsewhere_and_what_is_taken_away_stays_away(world: World) -> None:
    (backend,) = world.studio.api("GET", "/api/ml", params={"project": world.project})
    assert backend["is_interactive"]
    with browser.opened(world.studio) as person:
        person.log_in()
        task = person.label(world.project)
        chosen = person.chosen()
        person.annotate_automatically()

        asked = mark(person, "Paper", "invoice")
        assert [each["value"]["text"] for each in asked["context"]["result"]] == ["invoice"]
        expect(person.spans()).to_have_count(3)
        assert person.spans().all_inner_texts() == ["invoice", "invoices", "invoice"]
        person.picture("interactive")

        person.take_away(1)
        expect(person.spans()).to_have_count(2)
        asked = mark(person, "Paper", "note")
        assert sorted(each["value"]["text"] for each in asked["context"]["result"]) == ["invoice", "invoice", "note"]
        mark(person, "Firm", "Acme")
        expect(person.spans()).to_have_count(5)
        assert person.chosen() == chosen, "what was chosen is left alone"
        saved = person.submit()
    (annotation,) = world.studio.annotations(task)
    assert annotation["id"] == saved["id"]
    assert words(annotation["result"]) == ["invoice", "Acme", "Acme", "note", "invoice"]


def mark(person: Person, label: str, what: str) -> dict[str, Any]:
    """Marks something; returns what Label Studio's page asks about it."""
    with person.page.expect_request(lambda request: "interactive-annotating" in request.url) as asked:
        person.mark(label, what)
    return dict(json.loads(asked.value.post_data or "{}"))
