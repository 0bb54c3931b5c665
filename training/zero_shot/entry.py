"""What a checkpoint's manifest says of the zero-shot model that answers in its encoder's place."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from labelwheel.training.questions import Frozen

FILE: Final = "zero_shot.json"


class ZeroShotEntry(Frozen):
    """The model is told by the hash of its files; `content` has the sentence for each option, in the options' order.

    `calibration` is as a manifest has it, for what that model says.
    """

    base: str
    base_digest: str
    calibration: dict[str, float] = Field(default_factory=dict)
    content: Literal["zero_shot.json"] = FILE

    @property
    def note(self) -> str:
        """What people should know of an export of such a checkpoint."""
        return (
            f"Answers come from {self.base}, which is told what the options are called and is not in here. What is "
            "exported is what was learnt beside it, from the label names or from labels."
        )
