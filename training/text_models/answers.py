"""What a checkpoint's text model answers: asked in training's measurements and in serving alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labelwheel.training import card_share
from labelwheel.training.errors import InvalidCheckpoint, InvalidJob
from labelwheel.training.heads.text_sureness import Sureness
from labelwheel.training.questions import Example, Prediction, Question
from labelwheel.training.text_models import adapted, pretrained, writing
from labelwheel.training.text_models.entry import TextModelEntry
from labelwheel.training.text_models.phrasing import Phrasing
from labelwheel.training.text_models.pretrained import TextModel
from labelwheel.training.text_models.writing import Said

_AT_ONCE = 256


@dataclass
class TextAnswers:
    """A text model, how it is asked, and how sure it is of what it writes. It keeps what `Elsewhere` promises."""

    model: TextModel
    phrasing: Phrasing
    sureness: Sureness
    most_new: int
    problem: str | None = None

    def check(self, examples: Sequence[Example]) -> None:
        """Nothing: it is there once it is loaded."""

    def predict(self, question: Question, examples: Sequence[Example]) -> list[Prediction | None]:
        """For each example, in order."""
        found: list[Prediction | None] = []
        for start in range(0, len(examples), _AT_ONCE):
            some = examples[start : start + _AT_ONCE]
            with card_share.turn():
                found += self.predictions(question, some, self.write(self.read(question, some)))
        return found

    def read(self, question: Question, examples: Sequence[Example]) -> list[list[int]]:
        """Rows of tokens, what is asked among them."""
        return [self.phrasing.read(question, example) for example in examples]

    def write(self, rows: Sequence[Sequence[int]], wanted: Callable[[], bool] = writing.always) -> list[Said]:
        """What it writes to each row; raises Unwanted once nobody waits."""
        return writing.write(self.model, rows, self.most_new, wanted)

    def predictions(self, question: Question, examples: Sequence[Example], said: Sequence[Said]) -> list[Prediction]:
        """What may be shown of it; nothing of what did not come to an end."""
        return [self._prediction(question, *each) for each in zip(examples, said, strict=True)]

    def close(self) -> None:
        """Nothing was started."""

    def _prediction(self, question: Question, example: Example, said: Said) -> Prediction:
        texts = self.phrasing.texts(question, said.tokens) if said.ended else []
        return self.sureness.prediction(question, example, said.row, texts) if texts else Prediction()


def load(entry: TextModelEntry, version: str, folder: Path, device: str) -> TextAnswers:
    """What a checkpoint in `folder` names, on a device; raises InvalidCheckpoint, OutOfMemory."""
    try:
        model = pretrained.load(entry.base, device, entry.base_digest)
    except InvalidJob as error:
        raise InvalidCheckpoint(
            f"{version} stands on a text model that this machine has not: {error}; put it back, roll back, or train "
            "anew with what LABELWHEEL_TEXT_MODEL names"
        ) from error
    try:
        adapted.add(model.module, (folder / entry.content).read_bytes())
    except OSError as error:
        raise InvalidCheckpoint(
            f"{folder / entry.content} cannot be read ({error}); roll back or train anew"
        ) from error
    phrasing = Phrasing(model, entry.lead, entry.separator, entry.input_tokens)
    return TextAnswers(model, phrasing, Sureness(np.array(entry.exact), np.array(entry.edits)), entry.most_new)
