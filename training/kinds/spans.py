"""Spans: entities or mentions in a text, learnt as BIO tags of tokens and answered as ranges of code points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import log_softmax

from labelwheel.training import span_edges
from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.kinds import (
    agreement,
    checks,
    scaling,
    span_coding,
    span_decoding,
    span_habits,
    span_schedule,
    span_scores,
    span_tags,
    span_windows,
)
from labelwheel.training.kinds.asking import Widget
from labelwheel.training.kinds.base import Costs, Encoding, QuestionKind, Row, Score, label_config
from labelwheel.training.kinds.choices import rarest
from labelwheel.training.kinds.coding import Distance, Part, Unit
from labelwheel.training.kinds.objectives import Objective, Softmax
from labelwheel.training.kinds.scaling import TEMPERATURE
from labelwheel.training.kinds.schedules import Schedule
from labelwheel.training.kinds.scores import micro_f1
from labelwheel.training.kinds.texts import options
from labelwheel.training.questions import Answer, Example, Prediction, Question, brief


class Spans(QuestionKind):
    """Token classification with BIO tags.

    A span's score is the geometric mean of its tokens' probabilities. The whole answer is as sure as its weakest part:
    the least sure span or the least sure token outside of all spans, so that a missed span makes an example uncertain.
    """

    name = "spans"
    widget = Widget.MARKS
    row = Row.TOKEN
    fields = 1
    needs_text = True
    hides = True
    costs = Costs(wrong=2, missing=2)  # to be chosen and taken away; to be drawn and named
    auto_class = "AutoModelForTokenClassification"
    metric = "span_f1"
    least_labels = 8
    light = 80  # they take many epochs, and have a label for each token
    nests = False  # a token's labels are too many for that
    penalties = (0.001, 0.0003, 0.0001)
    searched_by_loss = True
    distance = Distance.SETS

    def check(self, question: Question, answer: Answer, example: Example) -> Answer:
        length = len(question.text(example))
        spans = set()
        for span in checks.listed(question, answer):
            if not isinstance(span, dict) or not all(type(span.get(edge)) is int for edge in ("start", "end")):
                raise InvalidAnswer(f"{question.name!r}: a span needs start, end and label, not {brief(span)}")
            if not 0 <= span["start"] < span["end"] <= length:
                raise InvalidAnswer(
                    f"{question.name!r}: span {brief(span['start'])}-{brief(span['end'])} is outside of the text "
                    f"({length} characters)"
                )
            spans.add((span["start"], span["end"], checks.known(question, span.get("label"))))
        return [{"start": start, "end": end, "label": label} for start, end, label in sorted(spans)]

    def comparable(self, question: Question, answer: Answer, example: Example) -> Answer:
        """Without the white space that people took along at the edges, in whole characters."""
        return span_edges.comparable(question.text(example), answer) if answer else answer

    def moved(self, answer: Answer, move: Callable[[int, int], tuple[int, int]]) -> Answer:
        places = [(*move(start, end), label) for start, end, label in self.marked(answer)]
        return [{"start": start, "end": end, "label": label} for start, end, label in places if start < end]

    def marked(self, answer: Answer) -> list[tuple[int, int, str]]:
        return [(span["start"], span["end"], span["label"]) for span in answer]

    def agree(self, answers: Sequence[Answer]) -> Answer:
        """What more than half of them marked."""
        return agreement.items(answers)

    def coded(self, question: Question, example: Example, answers: Sequence[Answer]) -> list[Unit]:
        return span_coding.units(len(question.text(example)), answers)

    def parts(self, question: Question, answer: Answer) -> set[Part]:
        return {Part(span["label"], (span["start"], span["end"])) for span in answer}

    def alternatives(self, question: Question, example: Example, answer: Answer) -> Iterator[Answer]:
        """One span of another label, or one less; the whole text where nothing is marked."""
        for place, span in enumerate(answer):
            others = [*answer[:place], *answer[place + 1 :]]
            changed = ([*others, {**span, "label": label}] for label in question.values if label != span["label"])
            yield from (self.check(question, each, example) for each in changed)
            yield others
        if not answer and (text := question.text(example)):
            yield from ([{"start": 0, "end": len(text), "label": label}] for label in question.values)

    def labels(self, question: Question, answer: Answer) -> list[str]:
        return [span["label"] for span in answer]

    def strata(self, answers: Sequence[Answer]) -> list[str]:
        """Each answer's rarest label."""
        return rarest([[span["label"] for span in answer] for answer in answers])

    def is_filled(self, answer: Answer) -> bool:
        return bool(answer)

    def is_varied(self, different: int, filled: bool) -> bool:
        """One text with a span tells tokens apart."""
        return filled

    def feature(self, question: Question) -> Any:
        import datasets

        label = datasets.ClassLabel(names=list(question.values))
        return datasets.List({"start": datasets.Value("int32"), "end": datasets.Value("int32"), "label": label})

    def from_config(self, config: Mapping[str, Any], field: str) -> Question | None:
        [architecture] = config["architectures"]
        if not architecture.endswith("ForTokenClassification"):
            return None
        tags = [config["id2label"][str(place)] for place in range(len(config["id2label"]))]
        labels = list(dict.fromkeys(tag[2:] for tag in tags if tag[:2] in ("B-", "I-")))
        return Question(name="label", kind=self.name, inputs=(field,), options=options(labels))

    def objective(self) -> Objective:
        return Softmax(weighted=False)

    def schedule(self, examples: int) -> Schedule:
        return span_schedule.schedule(examples)

    def config(self, question: Question) -> dict[str, Any]:
        """Tags as labels, which `transformers.pipeline("token-classification")` understands."""
        return label_config(span_tags.names(question.values))

    def encode(
        self, question: Question, examples: Sequence[Example], tokenizer: Any, max_length: int
    ) -> list[Encoding]:
        """Windows with offsets; long texts give several that overlap by a quarter."""
        return span_windows.encode([question.text(example) for example in examples], tokenizer, max_length)

    def targets(
        self,
        question: Question,
        examples: Sequence[Example],
        answers: Sequence[Answer],
        encodings: Sequence[Encoding],
        id2label: Mapping[int, str],
    ) -> list[np.ndarray]:
        """What to train on: a tag for each token of each encoding, -100 for special tokens."""
        label2id = {name: index for index, name in id2label.items()}
        found = []
        previous = None
        for row in encodings:
            text = question.text(examples[row.example])
            if row.example != previous:
                spans = question.comparable(answers[row.example], examples[row.example])
            tags = span_tags.tag(text, spans, row.offsets or (), label2id, continued=row.example == previous)
            found.append(np.asarray(tags))
            previous = row.example
        return found

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
        id2label: Mapping[int, str],
        calibration: Mapping[str, float],
    ) -> list[Prediction]:
        """The most probable valid tags of each text as spans; an empty list where it has none, None without a text."""
        tags = [id2label[index] for index in range(len(id2label))]
        known = np.array([name == span_tags.OUTSIDE or name[2:] in question.values for name in tags])
        windows: dict[int, list[tuple[Sequence[tuple[int, int]], np.ndarray]]] = {}
        for row, scores in zip(encodings, logits, strict=True):
            windows.setdefault(row.example, []).append((row.offsets or (), scores))
        found, habits = list[Prediction](), span_habits.Habits(calibration)
        for index, example in enumerate(examples):
            if index not in windows:
                found.append(Prediction())
                continue
            offsets, raw = span_windows.merge(windows[index])
            raw = np.where(known, raw.astype(np.float64) / calibration.get(TEMPERATURE, 1.0), -np.inf)
            scores = np.maximum(log_softmax(raw, axis=1), -1e6)
            found.append(span_decoding.prediction(question.text(example), offsets, scores, tags, habits))
        return found

    def calibrate(self, values: np.ndarray, targets: np.ndarray, scale: float) -> dict[str, float]:
        return {TEMPERATURE: scaling.temperature(self.objective(), values, targets)}

    def shown(self, prediction: Prediction, least: float) -> Prediction:
        """Of all spans those whose own score is at least so high.

        A wrong span has to be found and taken away, where the missing one had to be drawn in any case. A wrong choice
        costs the one click that no suggestion would cost too, so that hiding it wins nothing. How sure the whole answer
        is stays as it was: it tells what to label next.
        """
        items = prediction.item_scores
        if not items or min(items) >= least:
            return prediction
        kept = [place for place, score in enumerate(items) if score >= least]
        answer, items = [prediction.answer[place] for place in kept], tuple(items[place] for place in kept)
        return prediction.model_copy(update={"answer": answer, "item_scores": items})

    def shown_from(self, costs: Costs | None = None) -> float:
        """Where there is nothing to mark, none costs nothing: only a right one is missing."""
        wrong, missing, accepted = costs or self.costs
        whole = wrong + missing - accepted
        return min(max(wrong / whole, 0.0), 1.0) if whole > 0 else 0.0

    def held(self, question: Question, item: Answer, prediction: Prediction) -> float:
        """The score of the span of the same label that shares most with it, the less the more it differs."""
        scored = zip(prediction.answer or (), prediction.item_scores, strict=False)
        found = [span_scores.likeness(item, span) * score for span, score in scored if span["label"] == item["label"]]
        best = max(found, default=0.0)
        return best if best > 0 else -prediction.score

    def score(self, question: Question, example: Example, gold: Answer, prediction: Prediction) -> Score:
        """Strict, but for white space; see `span_scores.score`."""
        return span_scores.score(*(question.comparable(one, example) for one in (gold, prediction.answer)))

    def headline(self, scores: Sequence[Score]) -> float:
        """Micro F1 over all spans; 1 where there are none and none were found."""
        return micro_f1(scores)

    def summary(self, question: Question, golds: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, float]:
        return span_scores.summary(golds, answers)

    def confused(self, question: Question, gold: Answer, answer: Answer) -> list[tuple[str, str]]:
        """A span counts where it overlaps the predicted one most."""
        return span_scores.confused(gold or [], answer or [])

    def habits(self, question: Question, examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, float]:
        """How people draw edges here, for the checkpoint's calibration; see `span_habits`."""
        pairs = zip(examples, answers, strict=True)
        return span_habits.learn((question.text(one), question.comparable(answer, one)) for one, answer in pairs)

    def unlearnable(
        self,
        question: Question,
        examples: Sequence[Example],
        answers: Sequence[Answer],
        tokenizer: Any,
        max_length: int,
    ) -> str | None:
        """How many spans no tags can express: overlapping ones, and edges inside of tokens."""
        lost = self.unreachable(question, examples, answers, tokenizer, max_length)
        if not lost:
            return None
        return (
            f"{lost} of {sum(map(len, answers))} labelled spans overlap others or begin or end inside of a token: they "
            "cannot be learnt"
        )

    def unreachable(
        self,
        question: Question,
        examples: Sequence[Example],
        answers: Sequence[Answer],
        tokenizer: Any,
        max_length: int,
    ) -> int:
        """How many gold spans no tags can express: overlapping ones, and edges inside of tokens."""
        encodings = self.encode(question, examples, tokenizer, max_length)
        id2label = self.config(question)["id2label"]
        perfect = [
            np.eye(len(id2label))[np.maximum(tags, 0)] * 50
            for tags in self.targets(question, examples, answers, encodings, id2label)
        ]
        habits = self.habits(question, examples, answers)
        again = self.decode(question, examples, encodings, perfect, id2label, habits)
        golds = [question.comparable(gold, example) for gold, example in zip(answers, examples, strict=True)]
        keys = span_scores.keys
        return sum(len(keys(gold) - keys(one.answer)) for gold, one in zip(golds, again, strict=True))
