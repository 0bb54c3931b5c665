"""Silver answers: what a language model says of texts that nobody has labelled, beside what people say of others.

They live as long as a round's job does. No text is among them that a person has labelled, and none near to one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from labelwheel.training import encoders
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.language.answers import AT_ONCE, LanguageAnswers
from labelwheel.training.model import pad_token
from labelwheel.training.questions import Answer, Example, Prediction
from labelwheel.training.strategies.frozen_head import Guessed
from labelwheel.training.strategies.materials import Materials
from labelwheel.training.strategies.regression import Head

MOST, MOST_TOKENS = 1000, 40_000
"""Texts to choose among, and their tokens: the encoder reads each once."""

NEAR = 0.75
"""The cosine from which on two texts are about the same: what people said of one is held against what is said of the
other."""


@dataclass
class Silver:
    """The model's answers to some texts, by their number in a `Vein`; it had been shown some labelled texts at most."""

    numbers: list[int]
    answers: list[Answer]


class Vein:
    """The texts without a label of a round, as the frozen encoder reads them."""

    def __init__(self, given: Materials) -> None:
        self.given = given
        assert given.unlabelled is not None
        rows = given.unlabelled.encodings[:MOST]
        tokens = np.cumsum([len(row.input_ids) for row in rows])
        self.rows: Sequence[Encoding] = rows[: int(np.searchsorted(tokens, MOST_TOKENS, side="right"))]
        self.examples: Sequence[Example] = given.unlabelled.examples[: len(self.rows)]
        said = encoders.features(given.base, self.rows, pad_token(given.tokenizer))
        self.features = np.stack(said) / np.float32(given.frozen.unit)

    def useful(self, heads: Sequence[Head], most: int) -> list[list[int]]:
        """Texts to ask about, for each of some heads its own: what it is least sure of, and as many by chance.

        What is unsure alone would be all that is odd. Texts come in an order that says nothing about them.
        """
        taken: set[int] = set()
        found: list[list[int]] = [[] for _ in heads]
        orders = [iter(self._turns(head)) for head in heads]
        for turn in range(min(most, len(self.rows))):
            place = turn % len(heads)
            number = next(each for each in orders[place] if each not in taken)
            taken.add(number)
            found[place].append(number)
        return found

    def _turns(self, head: Head) -> list[int]:
        problem = self.given.problem
        rows = [replace(row, example=place) for place, row in enumerate(self.rows)]
        raw = list(head(self.features) * problem.scale + problem.centre)
        said = problem.kind.decode(problem.question, self.examples, rows, raw, problem.id2label, {})
        unsure = np.argsort([one.score for one in said], kind="stable")
        return [int(each) for pair in zip(unsure, range(len(rows)), strict=True) for each in pair]

    def panned(
        self, askers: Sequence[LanguageAnswers], wanted: Sequence[Sequence[int]], goes_on: Callable[[], bool]
    ) -> list[Silver]:
        """What each asker says of its texts, by turns; fewer where one does not answer any more, or `goes_on` ends."""
        found = [Silver([], []) for _ in askers]
        for start in range(0, max(map(len, wanted), default=0), AT_ONCE):
            for place, asker in enumerate(askers):
                numbers = wanted[place][start : start + AT_ONCE]
                if not numbers or self.given.budget.seconds <= 0 or not goes_on():
                    continue
                said = asker.predict(self.given.problem.question, [self.examples[number] for number in numbers])
                for number, one in zip(numbers, said, strict=True):
                    if one is not None and one.answer is not None:
                        found[place].numbers.append(number)
                        found[place].answers.append(one.answer)
        return found

    def undisputed(self, silver: Silver, learn: Sequence[int]) -> Silver:
        """Without what people disagree with, who answered a text of the examples `learn` that is about the same."""
        problem, frozen = self.given.problem, self.given.frozen
        places = problem.encoded(learn)
        if not silver.numbers or not places:
            return silver
        gold = _unit(np.stack([frozen.features[place] for place in places]))
        like = _unit(self.features[silver.numbers]) @ gold.T
        kept = Silver([], [])
        for number, answer, row in zip(silver.numbers, silver.answers, like, strict=True):
            nearest = problem.rows[problem.encodings[places[int(np.argmax(row))]].example]
            said = Prediction(answer=answer)
            apart = problem.kind.score(problem.question, nearest.example, nearest.answer, said).loss
            if row.max() >= NEAR and apart >= 0.5:
                continue
            kept.numbers.append(number)
            kept.answers.append(answer)
        return kept

    def guessed(self, silver: Silver, weight: float, labels: int) -> Guessed | None:
        """What a regression learns from: each answer weighs so many times what one of some labels does."""
        if not silver.numbers or not weight:
            return None
        problem = self.given.problem
        examples = [self.examples[number] for number in silver.numbers]
        rows = [replace(self.rows[number], example=place) for place, number in enumerate(silver.numbers)]
        targets = problem.kind.targets(problem.question, examples, silver.answers, rows, problem.id2label)
        standard = np.stack([(np.asarray(each) - problem.centre) / problem.scale for each in targets])
        share = weight * len(silver.numbers) / max(labels, 1)
        classes = standard.ndim == 1 and np.issubdtype(np.asarray(targets[0]).dtype, np.integer)
        return Guessed(self.features[silver.numbers], standard.astype(int) if classes else standard, share)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1), 1e-12)[:, None]
