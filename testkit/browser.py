"""Label Studio, and any page, as a person sees it: Debian's Chromium, driven by Playwright.

with opened(server, ARTIFACTS) as person:
    person.log_in()
    person.label(project)
    assert person.chosen() == ["Delivery"]
    person.submit()
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Error, Locator, Page, Route, expect, sync_playwright

from testkit.label_studio import LabelStudioServer

ARTIFACTS = Path(__file__).resolve().parents[1] / "tests" / "artifacts"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
PLACE = """(container, [words, nth]) => {
  const walker = document.createTreeWalker(container, NodeFilter.SHOW_TEXT);
  let left = nth;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    for (let at = node.data.indexOf(words); at >= 0; at = node.data.indexOf(words, at + 1)) {
      if (left-- > 0) continue;
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + words.length);
      const box = range.getBoundingClientRect();
      return {x: box.x, y: box.y, width: box.width, height: box.height};
    }
  }
}"""
"""Where on the page some words stand."""
SECONDS = 90  # a generous limit for anything to appear, on a busy machine too


def executable() -> str:
    """The browser; AssertionError with what to do where there is none: such a test never skips."""
    named = os.environ.get("LABELWHEEL_TEST_CHROMIUM", "chromium")
    path = shutil.which(named)
    assert path, f"no browser at {named!r}: run `make system` (or set LABELWHEEL_TEST_CHROMIUM)"
    return path


class Person:
    """One browser window on one Label Studio. `refused` has the addresses off this machine that were asked for."""

    def __init__(self, page: Page, server: LabelStudioServer, artifacts: Path) -> None:
        self.page = page
        self.server = server
        self.artifacts = artifacts
        self.refused: list[str] = []

    def log_in(self) -> None:
        """Through the form."""
        self.page.goto(f"{self.server.url}/user/login/")
        self.page.locator("input[name=email]").fill(self.server.username)
        self.page.locator("input[name=password]").fill(self.server.password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(lambda url: "/user/login" not in url)

    def label(self, project: int) -> int:
        """Open the labeling stream of a project; returns the task that it shows."""
        return self._open(f"/projects/{project}/data?labeling=1")

    def open_task(self, project: int, task: int) -> int:
        """Open one task from the Data Manager."""
        return self._open(f"/projects/{project}/data?task={task}")

    def task(self) -> int:
        """The task that is shown."""
        shown = self.page.locator(".lsf-current-task__task-id").first.inner_text()  # "7", and "7 of 9" on a new line
        found = re.match(r"(\d+)\b", shown.strip())
        assert found, f"no task is shown, but {shown!r}"
        return int(found[1])

    def text(self) -> str:
        """The text that is to be labelled."""
        return self.page.locator(".lsf-richtext__container").first.inner_text()

    def choice(self, name: str) -> Locator:
        """One choice's box."""
        return self.page.locator(f'.lsf-choice input[name="{name}"]')

    def chosen(self) -> list[str]:
        """The choices that are ticked."""
        boxes = self.page.locator(".lsf-choice input:checked")
        return [str(box.get_attribute("name")) for box in boxes.all()]

    def spans(self) -> Locator:
        """The highlighted pieces of the text."""
        return self.page.locator(".lsf-richtext__container .htx-highlight")

    def annotate_automatically(self) -> None:
        """Switch Label Studio's "Auto-Annotation" on."""
        self.page.get_by_test_id("bottombar-auto-annotation-toggle").locator("xpath=ancestor-or-self::label").click()

    def mark(self, label: str, words: str, nth: int = 0) -> None:
        """Mark the `nth` occurrence of these words with a label, by dragging over them."""
        self.page.locator(".lsf-label", has_text=label).first.click()
        box = self.page.locator(".lsf-richtext__container").first.evaluate(PLACE, [words, nth])
        middle = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + 1, middle)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + box["width"] / 2, middle)
        self.page.mouse.move(box["x"] + box["width"] - 1, middle)
        self.page.mouse.up()

    def written(self) -> list[str]:
        """The texts of the task's text areas."""
        return [each.inner_text() for each in self.page.get_by_test_id("htx-textbox-content").all()]

    def rewrite(self, text: str, nth: int = 0) -> None:
        """Edit the `nth` of the texts that stand in text areas."""
        self.page.get_by_test_id("htx-textbox-edit-button").nth(nth).click()
        self.page.get_by_test_id("htx-textbox-input").fill(text)
        self.page.get_by_test_id("htx-textbox-save").click()

    def take_away(self, nth: int) -> None:
        """Delete the `nth` of the highlighted pieces."""
        self.spans().nth(nth).click()
        self.page.keyboard.press("Backspace")

    def prediction_tab(self, version: str) -> Locator:
        """The tab of a version's suggestion, above a task opened from the Data Manager, which shortens long names."""
        return self.page.get_by_text(re.compile(rf"\S{re.escape(version[-6:])}$"))

    def submit(self) -> dict[str, Any]:
        """Press Submit; returns the annotation that Label Studio saved."""
        return self._press("bottombar-submit-button", "POST", re.compile(r"/api/tasks/\d+/annotations"))

    def update(self) -> dict[str, Any]:
        """Press Update, of work that is there; returns the annotation that Label Studio saved."""
        return self._press("bottombar-update-button", "PATCH", re.compile(r"/api/annotations/\d+"))

    def _press(self, button: str, method: str, saving: re.Pattern[str]) -> dict[str, Any]:
        with self.page.expect_response(
            lambda answer: answer.request.method == method and bool(saving.search(answer.url))
        ) as saved:
            self.page.get_by_test_id(button).click()
        assert saved.value.ok, f"{saved.value.status} {saved.value.text()[:500]}"
        return dict(saved.value.json())

    def picture(self, name: str) -> Path:
        """Keep what is on the screen, beside the other artifacts."""
        self.artifacts.mkdir(parents=True, exist_ok=True)
        path = self.artifacts / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    def _open(self, path: str) -> int:
        self.page.goto(self.server.url + path)
        ready = self.page.get_by_test_id("bottombar-submit-button").or_(
            self.page.get_by_test_id("bottombar-update-button")
        )
        expect(ready.first).to_be_visible()
        expect(self.page.locator(".lsf-richtext__container").first).to_be_visible()
        return self.task()


@contextlib.contextmanager
def opened(
    server: LabelStudioServer, artifacts: Path = ARTIFACTS, width: int = 1200, height: int = 760
) -> Iterator[Person]:
    """A browser of one's own, which reaches nothing but this machine. A picture is kept when it is closed."""
    with windows() as window:
        page, refused = window(viewport={"width": width, "height": height})
        person = Person(page, server, artifacts)
        person.refused = refused
        try:
            yield person
        except BaseException:
            with contextlib.suppress(Error):
                person.picture("failed")
            raise


@contextlib.contextmanager
def windows() -> Iterator[Callable[..., tuple[Page, list[str]]]]:
    """Opens windows, each a browser of its own that remembers nothing of the others and reaches this machine alone.

    Called with Playwright's options of a context; gives the page, and the addresses that it was refused.
    """
    command = executable()
    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=command, args=ARGUMENTS)

        def window(**options: Any) -> tuple[Page, list[str]]:
            context: BrowserContext = browser.new_context(**options)
            context.set_default_timeout(SECONDS * 1000)
            refused: list[str] = []

            def gate(route: Route) -> None:
                host = urlsplit(route.request.url).hostname
                if host in (None, "127.0.0.1", "localhost"):
                    route.continue_()
                else:
                    refused.append(route.request.url)
                    route.abort()

            context.route("**/*", gate)
            return context.new_page(), refused

        try:
            yield window
        finally:
            with contextlib.suppress(Error):
                browser.close()
