"""Answers in people's own words in the real tools: suggested, edited by a person, learnt better in the next round."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from labelwheel.plugins.argilla import addresses
from testkit import argilla_browser, browser, truth
from testkit.argilla import ArgillaServer
from testkit.argilla_api import question, text_field
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.letters import Letter, letters
from testkit.server import PATIENCE

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(1200)]

CONFIG = """<View><Text name="text" value="$text"/>
<TextArea name="reply" toName="text" maxSubmissions="1" editable="true" required="true" rows="3"/>
<TextArea name="said" toName="text" perRegion="true"/></View>"""
FEW, MORE, LEFT = letters(20, seed=1, kinds=4), letters(56, seed=2), letters(16, seed=3)
LETTERS = [*FEW, *MORE, *LEFT]


@pytest.fixture(scope="module")
def wheel() -> Iterator[LabelwheelServer]:
    """Rounds begin when they are ordered, from the encoder that comes along."""
    settings = {
        "LABELWHEEL_FIRST_ROUND": "100000", "LABELWHEEL_GROWTH": "1000", "LABELWHEEL_BLIND": "0",
        "LABELWHEEL_POLL_SECONDS": "1", "LABELWHEEL_QUIET_SECONDS": "0.5",
    }  # fmt: skip
    with LabelwheelServer(environment=settings) as wheel:
        yield wheel


class Shop:
    """A project that is connected, as labelwheel sees it; `name` is what the tool calls it."""

    def __init__(self, wheel: LabelwheelServer, name: str) -> None:
        self.wheel, self.name = wheel, name

    def state(self) -> dict[str, Any]:
        return next(each for each in self.wheel.status()["projects"] if str(each["external_id"]) == self.name)

    def question(self) -> dict[str, Any]:
        (question,) = self.state()["questions"]
        return dict(question)

    def labelled(self, count: int) -> None:
        self.wheel.until(lambda: self.question()["labels"]["total"] == count, PATIENCE, f"{count} labels in the ledger")

    def promoted(self) -> str:
        """One whole round that promotes, and all suggestions of it shown; its version."""
        path = f"/api/v1/projects/{self.state()['id']}/questions/reply/train"
        number = self.wheel.call("POST", path).json()["id"]

        def over() -> Any:
            (row,) = truth.rows(self.wheel, "SELECT * FROM rounds WHERE id = ?", number)
            return row if row["state"] in truth.OVER else None

        row = self.wheel.until(over, PATIENCE, f"round {number} did not end")
        assert row["state"] == "promoted", f"{row['reason']}\n{self.wheel.tail()}"

        def shown() -> Any:
            state = self.state()
            backfill, version = state["backfill"], state["version"]
            done = backfill and backfill["version"] == version["current"] and backfill["state"] == "done"
            return version["current"] if done and version["announced"] == version["current"] else None

        return str(self.wheel.until(shown, PATIENCE, "the backfill did not end"))

    def event(self, example: str) -> dict[str, Any]:
        """The newest of an example in the ledger, once there is one."""

        def found() -> Any:
            query = "SELECT * FROM events WHERE example_key = ? AND project_id = ? ORDER BY id DESC"
            return next(iter(truth.rows(self.wheel, query, example, self.state()["id"])), None)

        return dict(self.wheel.until(found, PATIENCE, f"an event of {example}"))

    def edited(self, version: str) -> float | None:
        return next(each["edited"] for each in self.question()["acceptance"] if each["version"] == version)


def right(said: dict[Letter, str | None]) -> int:
    return sum(answer == letter.reply for letter, answer in said.items())


def test_a_person_edits_a_suggested_text_in_label_studio(studio: LabelStudioServer, wheel: LabelwheelServer) -> None:
    project = studio.create_project(CONFIG, [{"text": letter.text} for letter in LETTERS])
    tasks = dict(zip(LETTERS, studio.task_ids(project), strict=True))
    wheel.connect("label-studio", studio.url, studio.pat, project=project)
    shop = Shop(wheel, str(project))
    assert [one["name"] for one in shop.state()["unlearnt"]] == ["said"]
    assert "each region" in shop.state()["unlearnt"][0]["reason"]

    def answer(letter: Letter) -> None:
        value = {"text": [letter.reply]}
        region = {"id": "r", "from_name": "reply", "to_name": "text", "type": "textarea", "value": value}
        studio.submit(tasks[letter], [region])

    def suggested(version: str) -> dict[Letter, str | None]:
        found: dict[Letter, str | None] = {}
        for letter in LEFT:
            kept = [one for one in studio.task(tasks[letter])["predictions"] if one["model_version"] == version]
            regions = [region for one in kept for region in one["result"] if region["from_name"] == "reply"]
            found[letter] = regions[0]["value"]["text"][0] if regions else None
        return found

    for letter in FEW:
        answer(letter)
    shop.labelled(len(FEW))
    first = shop.promoted()
    before = suggested(first)
    assert right(before) >= 5, before
    shown = next(letter for letter in LEFT if before[letter] == letter.reply)

    with browser.opened(studio) as person:
        person.log_in()
        assert person.open_task(project, tasks[shown]) == tasks[shown]
        expect(person.page.get_by_test_id("htx-textbox-content")).to_be_visible()
        assert person.written() == [shown.reply]
        person.picture("suggested-text")
        person.rewrite(f"{shown.reply} Yours, Ada")
        assert person.written() == [f"{shown.reply} Yours, Ada"]
        saved = person.submit()
        assert not person.refused, "Label Studio asked for addresses that are not on this machine"
    (region,) = saved["result"]
    assert region["value"]["text"] == [f"{shown.reply} Yours, Ada"]

    event = shop.event(str(tasks[shown]))
    assert (json.loads(event["answer"]), json.loads(event["suggested"])) == (f"{shown.reply} Yours, Ada", shown.reply)
    assert (event["origin"], event["version"]) == ("changed", first)
    assert 0 < (shop.edited(first) or 0) < 0.25

    for letter in MORE:
        answer(letter)
    shop.labelled(len(FEW) + len(MORE) + 1)
    second = shop.promoted()  # past the gate: it is better than the first
    assert right({letter: said for letter, said in suggested(second).items() if letter is not shown}) > right(before)


def edit(argilla: ArgillaServer, address: str, letter: Letter) -> None:
    """A person finds the answer filled in, adds to it and submits it."""
    with browser.windows() as window:
        page, _ = window(viewport={"width": 1200, "height": 760})
        person = argilla_browser.Person(page, argilla.url)
        person.log_in(argilla.username, argilla.password)
        person.open(address)
        assert letter.text in person.text()
        assert person.written() == [letter.reply]
        person.rewrite(f"{letter.reply} Yours, *Ada*")
        person.submit()


@pytest.mark.parametrize("markdown", [False, True])
def test_a_text_question_of_argilla_is_suggested_and_edited(
    argilla: ArgillaServer, wheel: LabelwheelServer, markdown: bool
) -> None:
    name = f"letters-{'markdown' if markdown else 'plain'}"
    asked = question("reply", "text", use_markdown=markdown)
    dataset = argilla.create_dataset(name, [text_field()], [asked], [{"text": letter.text} for letter in LETTERS])
    places = {record["fields"]["text"]: record["id"] for record in argilla.records(dataset)}
    keys = {letter: places[letter.text] for letter in LETTERS}
    wheel.connect("argilla", argilla.url, argilla.api_key, dataset=name)
    shop = Shop(wheel, name)
    assert shop.state()["unlearnt"] == []

    def suggested() -> dict[Letter, str | None]:
        found = {record["id"]: record["suggestions"] for record in argilla.records(dataset)}
        return {letter: next((one["value"] for one in found[keys[letter]]), None) for letter in LEFT}

    for letter in FEW:
        argilla.submit(keys[letter], {"reply": letter.reply})
    shop.labelled(len(FEW))
    first = shop.promoted()
    before = suggested()
    assert right(before) >= 5, before
    shown = next(letter for letter in LEFT if before[letter] == letter.reply)
    if markdown:
        argilla.submit(keys[shown], {"reply": f"{shown.reply} Yours, *Ada*"})
    else:
        own = shown.text[shown.text.index("Where is") :]  # other letters begin alike
        edit(argilla, addresses.of(argilla.url, dataset, {"text": own}, labelled=False), shown)
    event = shop.event(keys[shown])
    assert (json.loads(event["answer"]), json.loads(event["suggested"])) == (
        f"{shown.reply} Yours, *Ada*",
        shown.reply,
    )
    assert (event["origin"], event["version"]) == ("changed", first)
    assert 0 < (shop.edited(first) or 0) < 0.25
    if markdown:
        return  # what comes of more letters is the same
    for letter in MORE:
        argilla.submit(keys[letter], {"reply": letter.reply})
    shop.labelled(len(FEW) + len(MORE) + 1)
    assert shop.promoted() != first  # past the gate: it is better than the first
    assert right({letter: said for letter, said in suggested().items() if letter is not shown}) > right(before)
