"""The training side of a job, encoded once: what every strategy is fitted to and measured on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from labelwheel.training.kinds.base import Encoding, QuestionKind, Row
from labelwheel.training.kinds.objectives import IGNORED, Objective
from labelwheel.training.questions import Answer, Example, Prediction, Question
from labelwheel.training.spec import LabelledExample


@dataclass(frozen=True)
class Problem:
    """Examples that have a text, with their encodings and targets.

    Targets of numbers are standardised by `centre` and `scale`, and so are the logits of every strategy until `raw`.
    """

    question: Question
    kind: QuestionKind
    rows: Sequence[LabelledExample]
    encodings: Sequence[Encoding]
    targets: Sequence[np.ndarray]
    id2label: Mapping[int, str]
    centre: float = 0.0
    scale: float = 1.0
    hide_below: float = 0.0

    @classmethod
    def build(
        cls,
        question: Question,
        kind: QuestionKind,
        rows: Sequence[LabelledExample],
        tokenizer: Any,
        max_length: int,
        hide_below: float = 0.0,
    ) -> Problem:
        """Encodes the rows; those without text (of a comparison: on both sides) are left out."""
        encodings = kind.encode(question, [row.example for row in rows], tokenizer, max_length)
        sides: dict[int, set[int]] = {}
        for encoding in encodings:
            sides.setdefault(encoding.example, set()).add(encoding.side)
        whole = [index for index in range(len(rows)) if len(sides.get(index, ())) == kind.sides]
        if len(whole) < len(rows):
            rows = [rows[index] for index in whole]
            encodings = kind.encode(question, [row.example for row in rows], tokenizer, max_length)
        id2label: dict[int, str] = kind.config(question)["id2label"]
        examples, answers = [row.example for row in rows], [row.answer for row in rows]
        targets: Sequence[np.ndarray] = kind.targets(question, examples, answers, encodings, id2label)
        centre, scale = 0.0, 1.0
        if kind.standardised and targets:
            centre, scale = float(np.mean(targets)), float(np.std(targets)) or 1.0
            targets = [(target - centre) / scale for target in targets]
        return cls(question, kind, rows, encodings, targets, id2label, centre, scale, hide_below)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def objective(self) -> Objective:
        """What is minimised."""
        return self.kind.objective()

    @property
    def examples(self) -> list[Example]:
        """The examples, in order."""
        return [row.example for row in self.rows]

    @property
    def answers(self) -> list[Answer]:
        """The answers, in order."""
        return [row.answer for row in self.rows]

    @cached_property
    def habits(self) -> dict[str, float]:
        """How people answer, for the calibration; asked for after every epoch."""
        return self.kind.habits(self.question, self.examples, self.answers)

    @cached_property
    def places(self) -> list[list[int]]:
        """For each example the numbers of its encodings."""
        found: list[list[int]] = [[] for _ in self.rows]
        for place, encoding in enumerate(self.encodings):
            found[encoding.example].append(place)
        return found

    def encoded(self, indices: Sequence[int]) -> list[int]:
        """The numbers of the encodings of some examples, in order."""
        return [place for index in indices for place in self.places[index]]

    def numbered(self, indices: Sequence[int]) -> list[Encoding]:
        """The encodings of some examples, in order, each with its example's place among these for a number."""
        own = {index: number for number, index in enumerate(indices)}
        kept = (self.encodings[place] for place in self.encoded(indices))
        return [replace(row, example=own[row.example]) for row in kept]

    def of(self, places: Iterable[int]) -> set[int]:
        """The examples that some encodings are of."""
        return {self.encodings[place].example for place in places}

    def predict(
        self, indices: Sequence[int], logits: Mapping[int, np.ndarray], calibration: Mapping[str, float]
    ) -> list[Prediction]:
        """Predictions for some examples, as they are shown; see `decode`."""
        return [self.kind.shown(one, self.hide_below) for one in self.decode(indices, logits, calibration)]

    def decode(
        self, indices: Sequence[int], logits: Mapping[int, np.ndarray], calibration: Mapping[str, float]
    ) -> list[Prediction]:
        """Predictions for some examples, before any is hidden.

        `logits` are the (standardised) ones of their encodings, by encoding number.
        """
        number = {index: place for place, index in enumerate(indices)}
        places = self.encoded(indices)
        encodings = [
            Encoding(number[self.encodings[p].example], self.encodings[p].input_ids, self.encodings[p].side,
                     self.encodings[p].offsets)
            for p in places
        ]  # fmt: skip
        raw = [logits[place] * self.scale + self.centre for place in places]
        examples = [self.rows[index].example for index in indices]
        return self.kind.decode(self.question, examples, encodings, raw, self.id2label, calibration)

    def stack(
        self, indices: Sequence[int], values: Mapping[int, np.ndarray] | Sequence[np.ndarray] | np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Some examples as rows for a regression or its loss: values and targets (rows, …), example numbers (rows,).

        `values` has features or logits by encoding. A row is a text, a token, or a pair as left minus right.
        """
        if self.kind.row is Row.PAIR:
            pairs = [sorted(self.places[index], key=lambda place: self.encodings[place].side) for index in indices]
            rows = [values[left] - values[right] for left, right in pairs]
            return np.stack(rows), np.stack([self.targets[left] for left, _ in pairs]), np.asarray(indices)
        places = self.encoded(indices)
        if self.kind.row is Row.TEXT:
            owners = np.asarray([self.encodings[place].example for place in places])
            return np.stack([values[place] for place in places]), np.stack([self.targets[p] for p in places]), owners
        targets = np.concatenate([self.targets[place] for place in places])
        owners = np.concatenate([np.full(len(self.targets[p]), self.encodings[p].example) for p in places])
        real = targets != IGNORED
        return np.concatenate([values[place] for place in places])[real], targets[real], owners[real]

    @cached_property
    def strata(self) -> list[str]:
        """What folds are balanced by: an example's class, or its rarest label."""
        return self.kind.strata(self.answers)
