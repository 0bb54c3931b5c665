"""Changes of a text that keep count of where each character went, so that what was marked in it stays marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Answer, Example, Question


class Edit(NamedTuple):
    """What stands from `start` to `end`, in code points, is replaced; an insertion where both are the same."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Edited:
    """A text after some edits, which lie apart and in order."""

    text: str
    edits: Sequence[Edit] = ()

    @classmethod
    def of(cls, text: str, edits: Sequence[Edit]) -> Edited:
        """`edits` in any order; one that overlaps an earlier one is left out, and so is one that changes nothing."""
        kept: list[Edit] = []
        parts: list[str] = []
        place = 0
        for edit in sorted(edits):
            if edit.start < place or edit.text == text[edit.start : edit.end]:
                continue
            parts += [text[place : edit.start], edit.text]
            place = edit.end
            kept.append(edit)
        return cls("".join([*parts, text[place:]]), kept)

    def moved(self, start: int, end: int) -> tuple[int, int]:
        """Where a range of the old text is in the new one.

        What is inserted at its edges stays outside; of what is replaced across an edge it takes all.
        """
        return self._moved(start, opens=True), self._moved(end, opens=False)

    def _moved(self, place: int, opens: bool) -> int:
        shift = 0
        for edit in self.edits:
            grown = len(edit.text) - (edit.end - edit.start)
            if edit.end < place or (edit.end == place and (opens or edit.start < place)):
                shift += grown
            elif edit.start < place and not grown:
                break  # character by character
            elif edit.start < place:
                return edit.start + shift + (0 if opens else len(edit.text))
            else:
                break
        return place + shift


@dataclass(frozen=True)
class Rewritten:
    """An example after edits of its fields."""

    example: Example
    fields: Mapping[str, Edited]

    @classmethod
    def of(cls, example: Example, fields: Mapping[str, Edited]) -> Rewritten:
        """With the fields that were edited in place of the old ones."""
        texts = {**example.fields, **{name: edited.text for name, edited in fields.items()}}
        return cls(Example(key=example.key, fields=texts), fields)

    @property
    def changed(self) -> bool:
        """Whether anything is another now."""
        return any(edited.edits for edited in self.fields.values())

    def answer(self, question: Question, answer: Answer) -> Answer:
        """What people said of the old example, about the new one."""
        if answer is None:
            return None
        moved = kind_of(question).moved(answer, lambda start, end: self.fields[question.inputs[0]].moved(start, end))
        return question.comparable(question.check(moved, self.example), self.example)
