"""What a checkpoint's manifest says of the language model that answers in its place."""

from __future__ import annotations

from typing import Final, Literal

from labelwheel.training.questions import Frozen

FILE: Final = "shown_examples.json"


class LanguageEntry(Frozen):
    """The model's name and who pays for it; `content` has the labelled examples that prompts are made of.

    An answer is as sure as `slope` and `shift` make of the logit of what the endpoint says, else of how far so many
    `samples` of it agree, and as `unscored` where there is neither: how good it was on what it had not been shown.
    """

    model: str
    project: str = ""
    content: Literal["shown_examples.json"] = FILE
    unscored: float = 1.0
    samples: int = 1
    slope: float = 0.0
    shift: float = 0.0

    @property
    def note(self) -> str:
        """What people should know of an export of such a checkpoint."""
        return (
            f"Answers come from the language model {self.model}, which is not in here. What is exported is the "
            f"regression that answers where that one does not. {FILE} has labelled texts in clear."
        )
