"""What a checkpoint's manifest says of the text model that writes its answers."""

from __future__ import annotations

from typing import Final, Literal

from labelwheel.training.questions import Frozen

FILE: Final = "text_adapters.safetensors"


class TextModelEntry(Frozen):
    """The adapters lie in `content`; the model that they stand on does not, and is told by the hash of its files.

    A text is read up to `input_tokens`, behind or before the words of `lead`; an answer ends within `most_new` tokens,
    or is none, and has a text between each two of `separator`, where the question takes several. `exact` and `edits`
    are as `heads.text_sureness` has them.
    """

    base: str
    base_digest: str
    lead: str
    separator: str
    input_tokens: int
    most_new: int
    exact: tuple[float, ...]
    edits: tuple[float, ...]
    content: Literal["text_adapters.safetensors"] = FILE

    @property
    def note(self) -> str:
        """What people should know of an export of such a checkpoint."""
        return (
            f"Answers are written by {self.base} with the adapters in {FILE}, and that model is not in here. What "
            "transformers loads is the encoder of the base model, which says nothing by itself."
        )
