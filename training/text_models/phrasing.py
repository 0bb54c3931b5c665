"""How an example is put to a text model, and its answer: as tokens, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labelwheel.training.kinds.free_text import clean, is_several, parted
from labelwheel.training.questions import Answer, Example, Question
from labelwheel.training.text_models.pretrained import TextModel

SEPARATORS = ("\n", " | ", " ;; ", " ### ")
"""Between the texts of one answer: the first that the tokenizer keeps, and that stands in none of them."""


@dataclass(frozen=True)
class Phrasing:
    """`lead` names what is asked: it stands before a text that is read apart, else between a text and its answer."""

    model: TextModel
    lead: str
    separator: str
    input_tokens: int

    def read(self, question: Question, example: Example) -> list[int]:
        """What the model is given, with all that stands before the answer; never more than `input_tokens`."""
        text, limit = "\n".join(question.texts(example)), self.input_tokens
        if self.model.reads_apart:
            said = self.model.tokenizer(f"{self.lead} {text}", truncation=True, max_length=limit)["input_ids"]
            return list(said)
        lead = self._plain(f"\n{self.lead}\n")
        said = self.model.tokenizer(text, truncation=True, max_length=max(1, limit - len(lead)))["input_ids"]
        if said and said[-1] == self.model.end:  # some end each text that they are given
            said = said[:-1]
        return [*said, *lead]

    def written(self, answer: Answer, most: int | None = None) -> list[int]:
        """What the model is to write, with the token that ends it; cut behind so many tokens."""
        text = self.separator.join(parted(answer))
        if self.model.reads_apart:
            more: dict[str, Any] = {} if most is None else {"truncation": True, "max_length": most}
            return list(self.model.tokenizer(text_target=text, **more)["input_ids"])
        return [*self._plain(text), self.model.end][:most]

    def texts(self, question: Question, tokens: Sequence[int]) -> list[str]:
        """The texts of an answer that was written."""
        said = self.model.tokenizer.decode(tokens, skip_special_tokens=True)
        parts = said.split(self.separator) if is_several(question) else [said]
        return [text for part in parts if (text := clean(part))]

    def _plain(self, text: str) -> list[int]:
        return list(self.model.tokenizer(text, add_special_tokens=False)["input_ids"])


def separator(model: TextModel, answers: Sequence[Answer]) -> str:
    """What can stand between the texts of one answer."""
    for each in SEPARATORS:
        stands = any(each.strip() in text if each.strip() else each in text for one in answers for text in parted(one))
        ids = model.tokenizer(f"a{each}b", add_special_tokens=False)["input_ids"]
        if not stands and each.strip(" ") in model.tokenizer.decode(ids, skip_special_tokens=True):
            return each
    return SEPARATORS[0]
