"""What the ledger makes of a connector's pages, in a few lines: the suite compares it with what people did."""

from __future__ import annotations

from collections.abc import Iterable

from labelwheel.plugins.connector import Page, Work
from labelwheel.training.questions import Example, Question


class LedgerCopy:
    """Examples and work as the pages told them, each page taken whole; what no page may say is an AssertionError."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self.questions = {question.name: question for question in questions}
        self.examples: dict[str, Example] = {}
        self.work: dict[str, Work] = {}
        self.aside: set[str] = set()
        self.cursor: str | None = None

    def take(self, page: Page) -> None:
        """Takes a page as the ledger does: it is the truth about what it calls refreshed, and about nothing else."""
        named = {one.key for one in page.aside if one.named}
        assert not set(page.refreshed) & set(page.gone), "an example is refreshed and gone in one page"
        assert not named & (set(page.refreshed) | set(page.gone)), "what is set aside is neither read nor gone"
        self.examples.update({one.key: one for one in page.examples})
        for key in page.gone:
            self.examples.pop(key, None)
        assert set(page.refreshed) <= self.examples.keys(), "an example is refreshed that no page has brought"
        over = {*page.refreshed, *page.gone}
        self.work = {key: one for key, one in self.work.items() if one.example not in over}
        for one in page.work:
            self._check(one)
            self.work[one.key] = one
        self.aside = (self.aside - set(page.refreshed)) | named
        self.cursor = page.cursor

    def all(self, pages: Iterable[Page]) -> LedgerCopy:
        for page in pages:
            self.take(page)
        return self

    @property
    def answers(self) -> dict[str, tuple[str, object]]:
        """By the key of the work: the example, and the answer to the one question."""
        (name,) = self.questions
        return {key: (one.example, one.answers.get(name)) for key, one in self.work.items() if not one.skipped}

    def _check(self, work: Work) -> None:
        assert work.example in self.examples, f"work {work.key} is on {work.example}, which no page has brought"
        assert work.updated_at.tzinfo is not None, f"work {work.key} has a time without a zone"
        assert not work.rejected, work.rejected
        for name, answer in work.answers.items():
            assert self.questions[name].check(answer, self.examples[work.example]) == answer, (
                f"{answer!r} is not in canonical form"
            )
