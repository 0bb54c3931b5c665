"""Choices: any number of the options, each decided by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from labelwheel.training.kinds import agreement, checks, scaling, sureness, texts
from labelwheel.training.kinds.asking import Widget
from labelwheel.training.kinds.base import Score
from labelwheel.training.kinds.coding import Distance
from labelwheel.training.kinds.coding import Unit as Coded
from labelwheel.training.kinds.objectives import Objective, Sigmoid
from labelwheel.training.kinds.scaling import TEMPERATURE, THRESHOLD
from labelwheel.training.kinds.scores import NOTHING, micro_f1
from labelwheel.training.kinds.sureness import Held, Sureness
from labelwheel.training.kinds.texts import Outputs
from labelwheel.training.questions import Answer, Example, Prediction, Question
from labelwheel.training.spec import Unit

LEAD = "lead"
"""By how many logits an option has to be ahead of the next one, where names alone answer: they say which option fits
best, hardly how well."""

SLOPE, SHIFT = "sureness_slope", "sureness_shift"
"""What makes the score of an option that is answered true; the temperature does so for all options of all texts, of
which next to none is."""

_HELD = Held(slope=10.0, shift=2.0)
"""Measured with 100 to 400 labels of GoEmotions, where scores have to be squeezed, and of one to three texts of SNIPS
together, where they have to grow: .030 in a round and .025 in the fast lane, with a quarter or twice of it within .001;
.065 and .061 by the temperature alone."""


class Several(texts.TextKind):
    """Any number of options, each with a sigmoid.

    Those at or above the threshold are answered, or with a lead those that stand out.

    The score of the whole answer is the probability that every single decision is right, were they independent.
    """

    metric = "micro_f1"
    problem_type = "multi_label_classification"
    named = True
    distance = Distance.SETS
    widget = Widget.SEVERAL

    def agree(self, answers: Sequence[Answer]) -> Answer:
        """What more than half of them chose."""
        return agreement.items(answers)

    def coded(self, question: Question, example: Example, answers: Sequence[Answer]) -> list[Coded]:
        return [Coded([frozenset(self.labels(question, answer)) for answer in answers])]

    def alternatives(self, question: Question, example: Example, answer: Answer) -> Iterator[Answer]:
        """One more or one less."""
        chosen = self.labels(question, answer)
        for value in question.values:
            others = set(chosen) ^ {value}
            yield [self.item(each) for each in question.values if each in others]

    def strata(self, answers: Sequence[Answer]) -> list[str]:
        """Each answer's rarest option."""
        return rarest([[str(item) for item in answer] for answer in answers])

    def objective(self) -> Objective:
        return Sigmoid()

    def calibrate(self, values: np.ndarray, targets: np.ndarray, scale: float) -> dict[str, float]:
        heat = scaling.temperature(self.objective(), values, targets)
        likely = texts.sigmoid(values / heat)
        # not from the threshold on: it is where most of these labels happen to be right
        able = likely >= scaling.LOWEST
        sure = sureness.fit(likely[able], targets[able] > 0, _HELD)
        return {TEMPERATURE: heat, THRESHOLD: scaling.threshold(likely, targets), SLOPE: sure.slope, SHIFT: sure.shift}

    def target(self, question: Question, answer: Answer, outputs: Outputs) -> np.ndarray:
        """0 and 1 for each label."""
        row = np.zeros(len(outputs.labels), dtype=np.float32)
        row[[outputs.places[value] for value in self.labels(question, answer)]] = 1.0
        return row

    def prediction(
        self, question: Question, logits: np.ndarray, outputs: Outputs, calibration: Mapping[str, float]
    ) -> Prediction:
        if LEAD in calibration:
            return self._outstanding(question, logits, outputs, calibration[LEAD])
        threshold = calibration.get(THRESHOLD, 0.5)
        probabilities = texts.sigmoid(logits / calibration.get(TEMPERATURE, 1.0))
        chosen = self._answered(question, outputs, probabilities >= threshold)
        sure = Sureness(calibration.get(SLOPE, 1.0), calibration.get(SHIFT, 0.0))
        right = np.where(probabilities >= threshold, probabilities, 1.0 - probabilities)[outputs.known]
        return Prediction(
            answer=[self.item(value) for value in chosen],
            score=float(np.prod(right)),
            item_scores=tuple(sure(float(probabilities[outputs.places[value]])) for value in chosen),
        )

    def held(self, question: Question, item: Answer, prediction: Prediction) -> float:
        """An option's own score; without the option, less the surer all decisions are."""
        answer = prediction.answer or []
        return prediction.item_scores[answer.index(item)] if item in answer else -prediction.score

    def score(self, question: Question, example: Example, gold: Answer, prediction: Prediction) -> Score:
        """Loss is 1 - F1 of the two sets; 0 where both are empty."""
        wanted, given = set(self.labels(question, gold)), set(self.labels(question, prediction.answer or []))
        units = {
            value: Unit(
                true_positives=float(value in wanted and value in given),
                false_positives=float(value not in wanted),
                false_negatives=float(value not in given),
            )
            for value in sorted(wanted | given)
        }
        total = len(wanted) + len(given)
        return Score(loss=1.0 - 2.0 * len(wanted & given) / total if total else 0.0, units=units)

    def headline(self, scores: Sequence[Score]) -> float:
        """Micro F1 over all labels; 1 where there are none and none were answered."""
        return micro_f1(scores)

    def summary(self, question: Question, golds: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, float]:
        from sklearn import metrics as sk  # slow to load, and only reports need it
        from sklearn.preprocessing import MultiLabelBinarizer

        values = MultiLabelBinarizer(classes=list(question.values))
        wanted, given = (
            values.fit_transform([self.labels(question, one or ()) for one in side]) for side in (golds, answers)
        )
        both_empty = ~(wanted.any(1) | given.any(1))
        each = np.where(both_empty, 1.0, 2 * (wanted & given).sum(1) / np.maximum(wanted.sum(1) + given.sum(1), 1))
        used = np.flatnonzero(wanted.any(0))
        macro = sk.f1_score(wanted, given, labels=used, average="macro", zero_division=0.0) if wanted.any() else 1.0
        return {
            "micro_f1": float(sk.f1_score(wanted, given, average="micro", zero_division=1.0)),
            "macro_f1": float(macro),
            "example_f1": float(each.mean()),
            "all_right": float(sk.accuracy_score(wanted, given)),
        }

    def confused(self, question: Question, gold: Answer, answer: Answer) -> list[tuple[str, str]]:
        wanted, given = set(self.labels(question, gold)), set(self.labels(question, answer or ()))
        missed, extra = sorted(wanted - given), sorted(given - wanted)
        return [(a, b) for a in missed or [NOTHING] for b in extra or [NOTHING] if (a, b) != (NOTHING, NOTHING)]

    def _outstanding(self, question: Question, raw: np.ndarray, outputs: Outputs, lead: float) -> Prediction:
        """The one option that is ahead of all others; of several that are close, those that are likelier than not.

        No suggestion where none stands out. The score of one is its share among all, as of a choice.
        """
        known = outputs.known
        if not known.any():
            return Prediction()
        near = known & (raw >= raw[known].max() - lead)
        alone = bool(near.sum() == 1 and known.sum() > 1)
        chosen = near if alone else near & (raw >= 0)
        if not chosen.any():
            return Prediction()
        scores = texts.softmax(raw, known, 1.0) if alone else texts.sigmoid(raw)
        answered = self._answered(question, outputs, chosen)
        items = tuple(float(scores[outputs.places[value]]) for value in answered)
        return Prediction(answer=[self.item(value) for value in answered], score=min(items), item_scores=items)

    @staticmethod
    def _answered(question: Question, outputs: Outputs, chosen: np.ndarray) -> list[str]:
        """In the order of the question's options."""
        return [value for value in question.values if value in outputs.places and chosen[outputs.places[value]]]


class Choices(Several):
    """Options as they are called."""

    name = "choices"
    told_by_labels = True

    def check(self, question: Question, answer: Answer, example: Example) -> Answer:
        chosen = {checks.known(question, value) for value in checks.listed(question, answer)}
        return sorted(chosen, key=question.places.__getitem__)

    def labels(self, question: Question, answer: Answer) -> list[str]:
        return list(answer)

    def feature(self, question: Question) -> Any:
        import datasets

        return datasets.List(datasets.ClassLabel(names=list(question.values)))

    def from_config(self, config: Mapping[str, Any], field: str) -> Question | None:
        labels = texts.labels_in(config, (self.problem_type,))
        if labels is None:
            return None
        return Question(name="label", kind=self.name, inputs=(field,), options=texts.options(labels))


def rarest(answers: Sequence[Sequence[str]]) -> list[str]:
    """The rarest label of each answer, by which folds are balanced; nothing where an answer has none."""
    counts: dict[str, int] = {}
    for labels in answers:
        for label in set(labels):
            counts[label] = counts.get(label, 0) + 1
    return [min(labels, key=lambda label: (counts[label], label)) if labels else "" for labels in answers]
