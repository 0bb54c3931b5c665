"""The pages in a real browser, over 400 labelled examples of each tool: what they say is what `status` says."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from demo import messages
from labelwheel.backend.views import wording
from testkit import argilla_stage, browser, stage, truth
from testkit.argilla import ArgillaServer
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from tests.integration.doubtful import in_argilla, in_label_studio, inspected, put_right

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(1200)]

LABELLED, TEXTS = 400, 412
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
READER = "only-to-look-at-the-pages"
SERIOUS = ("serious", "critical")


class World(NamedTuple):
    """A labelwheel with one project, in whichever tool."""

    wheel: LabelwheelServer
    place: stage.Stage | argilla_stage.Stage

    def project(self) -> dict[str, Any]:
        return self.place.state()

    def topic(self) -> dict[str, Any]:
        return next(dict(each) for each in self.project()["questions"] if each["name"] == "topic")

    def given(self) -> dict[str, tuple[str, str]]:
        """By example, the topic that the fixture gave it, and its side of the split."""
        query = "SELECT key, fields, part FROM examples WHERE project_id = ?"
        topics = {row["text"]: row["topic"] for row in messages.rows()[:LABELLED]}
        rows = truth.rows(self.wheel, query, self.place.number)
        texts = {row["key"]: json.loads(row["fields"])["text"] for row in rows}
        return {row["key"]: (topics[texts[row["key"]]], row["part"]) for row in rows if texts[row["key"]] in topics}

    def sent_back(self) -> list[str]:
        """The keys of the examples that the tool shows for being doubtful."""
        if isinstance(self.place, stage.Stage):
            return [str(task) for task in in_label_studio(self.place.studio, self.place.project)]
        return in_argilla(self.place.server, self.place.dataset)


class Visitor:
    """Somebody with a browser; `troubles` has what its console said."""

    def __init__(self, page: Page, refused: list[str], wheel: LabelwheelServer) -> None:
        self.page, self.refused, self.wheel, self.troubles = page, refused, wheel, list[str]()
        page.on("console", lambda said: self.troubles.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))

    def sign_in(self, token: str) -> None:
        self.page.goto(f"{self.wheel.url}/")
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Overview")).to_be_visible()

    def tabs(self) -> list[str]:
        found = self.page.get_by_role("navigation", name="Pages of the project").get_by_role("link").all()
        return [str(each.get_attribute("href")) for each in found]

    def open(self, path: str) -> str:
        """Opens a page; its text."""
        self.page.goto(f"{self.wheel.url}{path}")
        for each in self.page.locator("[data-chart]").all():
            expect(each.locator(".main-svg").first).to_be_attached()
        return self.text()

    def text(self) -> str:
        return " ".join(self.page.locator("main").inner_text().split())

    def table(self, label: str) -> list[dict[str, str]]:
        """The rows of the table whose name begins so, also of a folded one; in one look, for pages change."""
        found = self.page.locator(f'[aria-label^="{label}"] table')
        columns, *rows = found.evaluate(
            "table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))"
        )
        return [dict(zip(columns, map(str.strip, row), strict=True)) for row in rows]

    def follow(self, name: str, role: Literal["link", "button"] = "link") -> None:
        """Presses what leads to another page, and waits for that."""
        with self.page.expect_navigation():
            self.page.get_by_role(role, name=name, exact=True).first.click()

    def sound(self, name: str) -> None:
        """No serious fault of accessibility, nothing wider than the window, nothing in the console; and a picture."""
        broken = [each for each in Axe().run(self.page).response["violations"] if each["impact"] in SERIOUS]
        assert not broken, [(each["id"], each["nodes"][0]["html"]) for each in broken]
        wider = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"{name} is {wider} pixels wider than the window"
        assert not self.troubles, (name, self.troubles)
        assert not self.refused, "a page asked for addresses that are not on this machine"
        browser.ARTIFACTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=browser.ARTIFACTS / f"{name}.png", full_page=True)


@pytest.fixture(scope="module", params=["label_studio", "argilla"])
def world(request: pytest.FixtureRequest, quick: dict[str, str]) -> Iterator[World]:
    """A champion that learnt from all labels but twelve texts' own."""
    browser.executable()  # before anything is started
    place: stage.Stage | argilla_stage.Stage
    with LabelwheelServer(environment=quick | {"LABELWHEEL_READ_TOKEN": READER}) as wheel:
        if request.param == "label_studio":
            studio: LabelStudioServer = request.getfixturevalue("studio")
            place = stage.Stage(studio, wheel, tasks=TEXTS, labelled=LABELLED)
            place.promoted()
        else:
            server: ArgillaServer = request.getfixturevalue("argilla")
            place = argilla_stage.Stage(server, wheel, "pages", TEXTS)
            place.label(range(LABELLED))
            place.agreed()
            place.promoted()
        yield World(wheel, place)


@pytest.fixture
def visit(world: World) -> Iterator[Callable[..., Visitor]]:
    """Opens a window as somebody likes it."""
    with browser.windows() as window:
        yield lambda **options: Visitor(*window(**options), world.wheel)


def test_what_the_pages_say_is_what_status_says(world: World, visit: Callable[..., Visitor]) -> None:
    visitor = visit(viewport=WIDE)
    visitor.sign_in(world.wheel.token)
    project, topic = world.project(), world.topic()
    said = visitor.open("/overview")
    assert f"{TEXTS} examples, {LABELLED} labelled" in said
    assert topic["champion"]["version"] in said
    assert wording.score(topic["champion"]) in said
    assert f"{topic['labels']['total']} ({topic['labels']['held_out']} held out)" in said
    assert topic["labels"]["total"] == LABELLED

    visitor.page.get_by_role("article").get_by_role("heading", level=2).get_by_role("link").first.click()
    assert f"/projects/{project['id']}/" in visitor.page.url
    given, champion = world.given(), topic["champion"]
    for path in visitor.tabs():
        said, name = visitor.open(path), path.partition("?")[0].rpartition("/")[2]
        assert name in READ, f"nobody has said what {path} is to be compared with"
        READ[name](visitor, said, topic, given)
    assert wording.score(champion) in visitor.open(f"/projects/{project['id']}/rounds?question=topic")


def learning(visitor: Visitor, said: str, topic: dict[str, Any], given: dict[str, tuple[str, str]]) -> None:
    scores, mix = visitor.table("labels, score"), visitor.table("labels, from, to")
    (curve,) = [each for each in topic["curve"] if each["version"] == topic["champion"]["version"]]
    assert {(row["version"], int(row["labels"]), row["score"], row["round"]) for row in scores} == {
        (curve["version"], curve["labels"], f"{curve['score']:.3f}", "promoted")
    }
    counted = {topic: sum(int(row[topic]) for row in mix) for topic in stage.TOPICS}
    assert counted == Counter(label for label, _ in given.values())


def rounds(visitor: Visitor, said: str, topic: dict[str, Any], given: dict[str, tuple[str, str]]) -> None:
    assert topic["champion"]["version"] in said
    assert "promoted" in said
    visitor.page.locator(".timeline li.promoted a").first.click()
    expect(visitor.page.get_by_role("heading", level=1)).to_contain_text("Round")
    assert f"{topic['champion']['score']:.3f}" in visitor.text()


def quality(visitor: Visitor, said: str, topic: dict[str, Any], given: dict[str, tuple[str, str]]) -> None:
    held = Counter(label for label, part in given.values() if part == "held_out")
    learnt = Counter(label for label, part in given.values() if part == "train")
    classes = {row["class"]: row for row in visitor.table("Classes")}
    assert {name: int(row["measured"]) for name, row in classes.items()} == held
    assert {name: int(row["learnt from"]) for name, row in classes.items()} == learnt
    taken = {row.pop("people said"): row for row in visitor.table("What is taken for what")}
    counts = {(one, other): int(n.replace("·", "0")) for one, row in taken.items() for other, n in row.items()}
    assert sum(counts.values()) == sum(held.values())
    right = sum(counts[each, each] for each in held)
    assert topic["champion"]["metric"] == "accuracy"
    assert right / sum(held.values()) == pytest.approx(topic["champion"]["score"])
    assert f"accuracy {topic['champion']['score']:.3f}" in said
    for name, row in classes.items():
        recall = counts[name, name] / held[name]
        assert row["recall"].split()[0] == f"{recall:.3f}"


def data(visitor: Visitor, said: str, topic: dict[str, Any], given: dict[str, tuple[str, str]]) -> None:
    name = stage.TOPICS[1]
    visitor.page.get_by_label("people said").fill(name)
    visitor.follow("Filter", "button")
    found = visitor.table("Examples")
    while visitor.page.get_by_role("link", name="The next ones").count():
        visitor.follow("The next ones")
        found += visitor.table("Examples")
    assert {row["example"]: row["side"].replace(" ", "_") for row in found} == {
        key: part for key, (label, part) in given.items() if label == name
    }
    assert all(row["people said"].startswith(name) for row in found)


def model(visitor: Visitor, said: str, topic: dict[str, Any], given: dict[str, tuple[str, str]]) -> None:
    assert topic["champion"]["version"] in said
    assert wording.score(topic["champion"]) in said
    train, held = (sum(part == side for _, part in given.values()) for side in ("train", "held_out"))
    assert f"{train} learnt from, {train} train, {held} held out" in said


def tuning(visitor: Visitor, said: str, topic: dict[str, Any], given: dict[str, tuple[str, str]]) -> None:
    assert "Rounds learn by: the defaults" in said
    assert "Nobody has searched for better settings yet" in said
    expect(visitor.page.get_by_role("button", name="Search for 20 minutes")).to_be_visible()


READ = {"learning": learning, "rounds": rounds, "quality": quality, "data": data, "model": model, "tuning": tuning}
"""By page, what compares its numbers with those of `status` and with the labels that the fixture gave."""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_every_page_can_be_read_by_anybody(
    world: World, visit: Callable[..., Visitor], theme: str, viewport: dict[str, int]
) -> None:
    visitor = visit(viewport=viewport, color_scheme=theme)
    visitor.sign_in(world.wheel.token)
    visitor.open(f"/projects/{world.place.number}/learning")
    tool = world.project()["tool"]
    for path in ["/overview", *visitor.tabs()]:
        visitor.open(path)
        name = path.partition("?")[0].rpartition("/")[2]
        visitor.sound(f"page-{tool}-{name}-{theme}-{viewport['width']}")


def test_whoever_may_only_look_sees_every_page_and_no_button(world: World, visit: Callable[..., Visitor]) -> None:
    visitor = visit(viewport=WIDE)
    visitor.sign_in(READER)
    visitor.open(f"/projects/{world.place.number}/learning")
    text = str(world.place.rows[0]["text"]) if isinstance(world.place, argilla_stage.Stage) else ""
    for path in ["/overview", *visitor.tabs()]:
        said = visitor.open(path)
        assert visitor.page.locator("button[data-address]").count() == 0, path
        assert not text or text not in said, path


def test_a_round_that_is_ordered_on_the_page_is_seen_there(world: World, visit: Callable[..., Visitor]) -> None:
    visitor = visit(viewport=WIDE)
    visitor.sign_in(world.wheel.token)
    visitor.open(f"/projects/{world.place.number}/rounds?question=topic")
    before = world.topic()["champion"]["version"]
    visitor.page.get_by_role("button", name="Train").click()
    expect(visitor.page.get_by_role("status")).to_contain_text("Done")
    world.wheel.until(lambda: world.topic()["champion"]["version"] != before, 300, "the ordered round did not win")
    newer = world.topic()["champion"]["version"]
    # the page is not loaded again: it keeps itself fresh
    expect(visitor.page.locator("main")).to_contain_text(newer, timeout=60_000)
    assert not visitor.troubles


def test_a_label_error_goes_back_into_the_tool_and_is_put_right_there(
    world: World, visit: Callable[..., Visitor]
) -> None:
    given, place = world.given(), world.place
    # Argilla finds a record by its words, and several texts have the few of a short one
    words = {} if isinstance(place, stage.Stage) else {row["id"]: len(row["fields"]["text"]) for row in place.records()}
    keys = sorted(sorted(given, key=lambda key: (-words.get(key, 0), key))[:3])
    wrong = keys[1]
    other = next(name for name in stage.TOPICS if name != given[wrong][0])
    inspected(world.wheel, place.number, keys, LABELLED)
    visitor = visit(viewport=WIDE)
    visitor.page.on("dialog", lambda asked: asked.accept())
    visitor.sign_in(world.wheel.token)
    visitor.open(f"/projects/{place.number}/data?question=topic&list=label-errors")
    listed = [row["example"] for row in visitor.table("Probable label errors")]
    assert sorted(listed) == keys
    assert world.sent_back() == []
    visitor.page.get_by_role("button", name="Send back").click()
    expect(visitor.page.get_by_role("button", name="Take them back")).to_be_visible()
    world.wheel.until(lambda: sorted(world.sent_back()) == keys, 120, "the tool does not show them")

    visitor.follow(wrong)
    address = str(visitor.page.get_by_role("link", name=re.compile("^Open in")).get_attribute("href"))
    put_right(place, visit(viewport=WIDE).page, address, wrong, other)
    world.wheel.until(lambda: wrong not in world.sent_back(), 120, "what was put right is still there")
    assert sorted(world.sent_back()) == [key for key in keys if key != wrong]

    def gone() -> bool:
        visitor.open(f"/projects/{place.number}/data?question=topic&list=label-errors")
        return wrong not in [row["example"] for row in visitor.table("Probable label errors")]

    world.wheel.until(gone, 60, "it is still in the list")
    said = visitor.open(f"/projects/{place.number}/data/{wrong}")
    assert f"updated {other}" in said
    assert not visitor.troubles
