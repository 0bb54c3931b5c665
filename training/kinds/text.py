"""Text: an answer in people's own words, or several of them where the labelling tool takes several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.kinds import text_scores, texts
from labelwheel.training.kinds.asking import Widget
from labelwheel.training.kinds.base import Score
from labelwheel.training.kinds.free_text import UNAIDED, clean, distance, is_several, joined, line, parted
from labelwheel.training.kinds.objectives import Objective, Squared
from labelwheel.training.kinds.texts import Outputs
from labelwheel.training.questions import Answer, Example, Prediction, Question, brief

LONGEST = 10_000
"""Code points of one text: pages of it. Nobody edits a longer suggestion, and the distance grows with its square."""

MOST = 50
"""Texts in one answer."""


class Text(texts.TextKind):
    """`question.maximum` is how many texts an answer has at most: with 1 it is a string, else a list of strings.

    The loss is the normalised edit distance: the share of the text that people have to change. The score is the
    probability that nothing has to be. No layer of outputs can name what is answered, so a checkpoint's model has one
    output that says nothing, and a head beside it answers.
    """

    name = "text"
    widget = Widget.WORDS
    metric = "kept_text"
    problem_type = "regression"
    needs_options = False
    free = True
    least_labels = 10

    # what is asked

    def check_question(self, question: Question) -> None:
        super().check_question(question)
        most = question.maximum
        if most is not None and (most != int(most) or most < 1):
            raise ValueError(f"question {question.name!r}: an answer has at least one text, not {most:g} at most")

    def outputs(self, question: Question) -> Sequence[str]:
        return (question.name,)

    def check(self, question: Question, answer: Answer, example: Example) -> Answer:
        """Without what nobody sees: control characters, half characters, and white space around it."""
        if not is_several(question):
            if not isinstance(answer, str):
                raise InvalidAnswer(f"{question.name!r} is answered with a text, not {brief(answer)}")
            return _whole(question, clean(answer))
        if not isinstance(answer, list) or not all(isinstance(text, str) for text in answer):
            raise InvalidAnswer(f"{question.name!r} is answered with a list of texts, not {brief(answer)}")
        found = [_whole(question, text) for each in answer if (text := clean(each))]
        most = min(MOST, int(question.maximum or MOST))
        if not 1 <= len(found) <= most:
            raise InvalidAnswer(f"{question.name!r} is answered with 1 to {most} texts, not {len(found)}")
        return found

    def agree(self, answers: Sequence[Answer]) -> Answer:
        """The one that is nearest to all others by edit distance; of equal ones the latest."""
        sums = [sum(distance(answer, other) for other in answers) for answer in answers]
        return min(reversed(list(zip(answers, sums, strict=True))), key=lambda pair: pair[1])[0]

    def alternatives(self, question: Question, example: Example, answer: Answer) -> Iterator[Answer]:
        """With another end."""
        head, last = parted(answer)[:-1], parted(answer)[-1]
        other = last[:-1].rstrip() if len(last) > 1 and (last.endswith(".") or len(last) == LONGEST) else f"{last}."
        yield joined(question, [*head, other])

    def labels(self, question: Question, answer: Answer) -> list[str]:
        """None: a text is no class."""
        return []

    def strata(self, answers: Sequence[Answer]) -> list[str]:
        """Quarters by length."""
        lengths = [len(line(answer)) for answer in answers]
        edges: Sequence[float] = list(np.quantile(lengths, [0.25, 0.5, 0.75])) if lengths else []
        return [str(int(np.searchsorted(edges, length))) for length in lengths]

    def feature(self, question: Question) -> Any:
        import datasets

        text = datasets.Value("string")
        return datasets.List(text) if is_several(question) else text

    # how it is learnt

    def objective(self) -> Objective:
        """Of the one output that says nothing: no strategy that minimises it learns this kind."""
        return Squared()

    def target(self, question: Question, answer: Answer, outputs: Outputs) -> np.ndarray:
        return np.zeros(1, dtype=np.float64)

    def calibrate(self, values: np.ndarray, targets: np.ndarray, scale: float) -> dict[str, float]:
        return {}

    def prediction(
        self, question: Question, logits: np.ndarray, outputs: Outputs, calibration: Mapping[str, float]
    ) -> Prediction:
        """Nothing: what answers lies beside the model."""
        return Prediction()

    # how it is measured

    def held(self, question: Question, item: Answer, prediction: Prediction) -> float:
        """1 where it is the same, 0 where half of it has to be changed."""
        return 0.0 if prediction.answer is None else 1.0 - distance(prediction.answer, item) / UNAIDED

    def score(self, question: Question, example: Example, gold: Answer, prediction: Prediction) -> Score:
        return Score(loss=UNAIDED if prediction.answer is None else distance(prediction.answer, gold))

    def summary(self, question: Question, golds: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, float]:
        """Exact match, chrF and ROUGE-L over all, no answer being an empty text; the edit distance of what there is."""
        return text_scores.summary([line(gold) for gold in golds], ["" if a is None else line(a) for a in answers])

    def confused(self, question: Question, gold: Answer, answer: Answer) -> list[tuple[str, str]]:
        return []


def _whole(question: Question, text: str) -> str:
    if not text:
        raise InvalidAnswer(f"{question.name!r} is answered with a text, not with nothing")
    if len(text) > LONGEST:
        raise InvalidAnswer(f"{question.name!r} takes texts of {LONGEST:,} characters, not of {len(text):,}")
    return text
