"""The pages in a real browser, over 400 labelled examples of each tool: what they say is what `status` says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from labelwheel.backend.views import wording
from testkit import argilla_stage, browser, stage
from testkit.argilla import ArgillaServer
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer

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
        return " ".join(self.page.locator("main").inner_text().split())

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
    paths = visitor.tabs()
    assert len(paths) >= 1
    for path in ["/overview", *paths]:
        visitor.open(path)


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
