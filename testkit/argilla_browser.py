"""Argilla's pages as a person sees them, in a window of `testkit.browser`."""

from __future__ import annotations

import re

from playwright.sync_api import Page

SAVED = re.compile(r"/api/v1/(records/[^/]+/responses|responses/[^/]+)$")


class Person:
    """One browser window on the Argilla at an address."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def log_in(self, username: str, password: str) -> None:
        """Through the form."""
        self.page.goto(f"{self.url}/sign-in")
        self.page.locator("input[name=Username]").fill(username)
        self.page.locator("input[name=Password]").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "/sign-in" not in url)

    def open(self, address: str) -> None:
        """A page with a record on it."""
        self.page.goto(address)
        self.page.locator(".record__content").wait_for()

    def text(self) -> str:
        """What is to be labelled."""
        return self.page.locator(".record__content").inner_text()

    def chosen(self, question: str) -> list[str]:
        """The choices of a question that are ticked."""
        boxes = self.page.locator(f'[id^="{question}_"]:checked')
        return [str(box.get_attribute("name")) for box in boxes.all()]

    def choose(self, question: str, name: str) -> None:
        """Tick a choice; of a question with one answer the other is taken away."""
        if name not in self.chosen(question):
            self.page.locator(f'label[for="{question}_{name}"]').click()

    def written(self) -> list[str]:
        """What stands in the text questions that are not Markdown."""
        return [each.inner_text() for each in self.page.locator("[contenteditable=true]").all()]

    def rewrite(self, text: str, nth: int = 0) -> None:
        """Edit the `nth` of them."""
        self.page.locator("[contenteditable=true]").nth(nth).fill(text)

    def submit(self) -> None:
        """Press Submit, and wait until Argilla has saved it."""
        with self.page.expect_response(lambda answer: bool(SAVED.search(answer.url.partition("?")[0]))) as saved:
            self.page.locator("button.button--submit").click()
        assert saved.value.ok, f"{saved.value.status} {saved.value.text()[:500]}"
