"""Which language model there is: the one that the operator of this process has named, or none.

Where it is, a checkpoint never says: texts go only where the settings of this process say.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from labelwheel.training.errors import LanguageModelFailed
from labelwheel.training.questions import Frozen

TEACHER = "teacher"
"""The role of one that labels texts for the small model as well; else it suggests alone."""

_named: list[LanguageModel] = []


class LanguageModel(Frozen):
    """A model at an address, and what may be spent on it.

    Prices are for a million tokens, `budget` is for a day and project, in the same money. One request takes up to
    `seconds`, so many as `concurrency` are under way at once, a prompt has up to `context_tokens`. `folder` has the
    account and the answers that were given; `key_file` is one that its owner alone reads. `project` is who pays. In
    the `role` of a teacher it labels up to `silver` texts of a round. Where it says no probabilities, it is
    asked for so many `samples` of an answer. `redaction` names what texts go through before they are sent.
    """

    url: str
    model: str
    folder: str
    key_file: str | None = None
    price_in: float = 0.0
    price_out: float = 0.0
    budget: float = 1.0
    concurrency: int = 4
    seconds: float = 20.0
    context_tokens: int = 4096
    project: str = ""
    role: str = "suggest"
    silver: int = 150
    samples: int = 1
    redaction: str = ""

    @property
    def place(self) -> str:
        """Where texts go, for people: without a path or a query."""
        return urlsplit(self.url).netloc

    @property
    def key(self) -> str:
        """Raises LanguageModelFailed where its file cannot be read."""
        if self.key_file is None:
            return "none"  # the client insists on one
        try:
            return Path(self.key_file).read_text("utf-8").strip()
        except OSError as error:
            raise LanguageModelFailed(
                f"{self.key_file} cannot be read ({error.strerror}); restart labelwheel"
            ) from None

    def money(self, tokens_in: int, tokens_out: int) -> float:
        """What so many tokens cost."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6


def name(model: LanguageModel | None) -> None:
    """Have this process know this one and no other."""
    _named[:] = [] if model is None else [model]


def named() -> LanguageModel | None:
    """The one that this process knows."""
    return _named[0] if _named else None
