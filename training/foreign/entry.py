"""What a checkpoint's manifest says of the foreign model that it was learnt with."""

from __future__ import annotations

from typing import Final, Literal

from labelwheel.training.questions import Frozen

FILE: Final = "foreign.tar"


class ForeignEntry(Frozen):
    """The class, its file's name and sha256; what it wrote lies in `content`, packed and never opened by us.

    An answer without a score of its own counts as sure as `unscored`: how good it was on what it had not learnt from.
    """

    attribute: str
    file: str
    sha256: str
    content: Literal["foreign.tar"] = FILE
    unscored: float = 1.0

    @property
    def note(self) -> str:
        """What people should know of an export of such a checkpoint."""
        return (
            f"Answers come from {self.attribute} of {self.file}, which labelwheel runs in a process of its own. What "
            "is exported is the regression that answers where that one does not."
        )
