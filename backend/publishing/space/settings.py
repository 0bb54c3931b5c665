"""`space.json`: what a Space answers, and with which words it is shown."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Example, Frozen

FILE = "space.json"
MODEL = "model"


class SpaceSettings(Frozen):
    """`manifest` says how the model in `model/` is read; `examples` are texts for each input of the question."""

    manifest: Manifest
    examples: tuple[tuple[str, ...], ...] = Field(default=(), max_length=100)

    def example(self, texts: list[str]) -> Example:
        """Texts in the order of the question's inputs."""
        return Example(key="space", fields=dict(zip(self.manifest.question.inputs, texts, strict=True)))

    def form(self) -> dict[str, Any]:
        """What the page needs to know of the question."""
        question = self.manifest.question
        kind = kind_of(question)
        hints = {option.value: option.hint for option in question.options}
        inputs = question.titles or (question.inputs if len(question.inputs) > 1 else ("Text",))
        return {
            "name": question.name,
            "prompt": question.prompt or question.name,
            "version": self.manifest.version,
            "widget": kind.widget,
            "values": [
                {"text": value, "item": kind.item(value), "hint": hints.get(value, "")} for value in question.values
            ],
            "minimum": question.minimum,
            "maximum": question.maximum,
            "inputs": list(inputs),
            "examples": [list(texts) for texts in self.examples],
        }
