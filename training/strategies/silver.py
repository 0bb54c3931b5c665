"""Silver answers: what a language model says of texts that nobody has labelled, beside what people say of others.

They live as long as a round's job does. No text is among them that a person has labelled, and none near to one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from labelwheel.training import encoders
from labelwheel.training.kinds.base import Encoding, Row
from labelwheel.training.language import endpoint
from labelwheel.training.language.answers import AT_ONCE, LanguageAnswers
from labelwheel.training.language.endpoint import TEACHER
from labelwheel.training.language.entry import LanguageEntry
from labelwheel.training.model import pad_token
from labelwheel.training.questions import Answer, Example, Prediction
from labelwheel.training.strategies import asked_model
from labelwheel.training.strategies.folds import Fold
from labelwheel.training.strategies.frozen_head import Guessed
from labelwheel.training.strategies.materials import Materials
from labelwheel.training.strategies.regression import Head
from labelwheel.training.strategies.shrinkage import Setting

MOST, MOST_TOKENS = 1000, 40_000
"""Texts to choose among, and their tokens: the encoder reads each once."""

SHARE = 0.5
"""Of today's budget and of the time that is left: the rest is for suggestions, and for other strategies."""

LEAST, LEAST_LABELS = 12, 6
"""With fewer answers, or fewer labels, no weight could be found."""

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


class Share(NamedTuple):
    """A part's: how a regression on what it learns from is held back, that regression, and the answers to its texts."""

    part: Fold
    setting: Setting
    head: Head
    silver: Silver


class Assay(NamedTuple):
    """What a language model has said in a round, each part's by prompts of what the part learns from."""

    vein: Vein
    shares: Sequence[Share]

    @property
    def whole(self) -> Silver:
        """All of it, of each part by turns."""
        rows = zip_longest(*(zip(each.silver.numbers, each.silver.answers, strict=True) for each in self.shares))
        found = [pair for row in rows for pair in row if pair is not None]
        return Silver([number for number, _ in found], [answer for _, answer in found])


def is_taught(given: Materials, name: str) -> bool:
    """Whether the operator has a language model teach, and there is what it takes; else that is noted."""
    model, why = endpoint.named(), None
    if model is None or model.role != TEACHER or given.problem.kind.free or len(given.problem) < LEAST_LABELS:
        return False
    if given.problem.kind.row is not Row.TEXT:
        why = "only questions about whole texts are taught so"
    elif given.unlabelled is None or len(given.unlabelled) < LEAST:
        there = 0 if given.unlabelled is None else len(given.unlabelled)
        why = f"there are {there} texts without a label, and it takes {LEAST}"
    if why is not None:
        given.notes.append(f"{name}: not tried, {why}")
    return why is None


def assayed(given: Materials) -> Assay:
    """Asks the model that `is_taught` has found. Raises TimeoutError where it does not answer enough."""
    problem, layout, frozen, model = given.problem, given.layout, given.frozen, endpoint.named()
    assert model is not None
    parts, seconds, vein = layout.parts(), given.search_seconds, Vein(given)
    settings = [
        frozen.search(learn, layout.inner(learn), seconds) if layout.nests else given.setting for learn, _ in parts
    ]
    heads = [frozen.fit(learn, setting) for (learn, _), setting in zip(parts, settings, strict=True)]
    wanted = vein.useful(heads, model.silver)
    entry = LanguageEntry(model=model.model, project=model.project, slope=1.0)
    askers = [LanguageAnswers(entry, problem.question, asked_model.shown(problem, learn)) for learn, _ in parts]
    before = asked_model.spent(model).money
    most = before + SHARE * (model.budget - before)
    with given.budget.part(SHARE * given.budget.seconds):
        found = vein.panned(askers, wanted, lambda: asked_model.spent(model).money <= most)
    count = sum(len(one.numbers) for one in found)
    if count < LEAST:
        why = next((asker.problem for asker in askers if asker.problem), "its answers do not fit the question")
        raise TimeoutError(f"{count} of {sum(map(len, wanted))} texts were answered: {why}")
    return Assay(vein, [Share(*each) for each in zip(parts, settings, heads, found, strict=True)])
