"""How a page lets people answer a question of a kind: what stands in its form, and what that makes an answer of."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from labelwheel.training.questions import Answer


class Widget(StrEnum):
    """What people click or fill in: one of the values, any number of them, marks in the text, a number, or words of
    their own."""

    ONE = "one"
    SEVERAL = "several"
    MARKS = "marks"
    NUMBER = "number"
    WORDS = "words"


class Asking:
    """The part of a kind that a form asks."""

    widget: ClassVar[Widget] = Widget.ONE

    free: ClassVar[bool] = False
    """Whether answers are people's own words, which no layer of outputs can name: only strategies that say so learn
    it, no fast head follows its labels, and its first checkpoint has to beat no suggestion at all."""

    def item(self, value: str) -> Answer:
        """What stands in an answer for one of the question's `values`; marks have it as their label."""
        return value
