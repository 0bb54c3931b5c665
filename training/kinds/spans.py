"""Spans: entities or mentions in a text, learnt as BIO tags of tokens and answered as ranges of code points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import log_softmax

from labelwheel.training.kinds import span_habits, span_tags, span_windows
from labelwheel.training.kinds.base import Encoding, Learner, Score
from labelwheel.training.kinds.span_habits import Habits
from labelwheel.training.kinds.span_seams import Seam, seams
from labelwheel.training.questions import Answer, Example, Kind, Prediction, Question
from labelwheel.training.span_edges import bare, whole_graphemes
from labelwheel.training.spec import Unit

TEMPERATURE = "temperature"


class Spans(Learner):
    """Token classification with BIO tags.

    A span's score is the geometric mean of its tokens' probabilities. The whole answer is as sure as its weakest part:
    the least sure span or the least sure token outside of all spans, so that a missed span makes an example uncertain.
    """

    auto_class = "AutoModelForTokenClassification"
    metric = "span_f1"

    def config(self, question: Question) -> dict[str, Any]:
        """Tags as labels, which `transformers.pipeline("token-classification")` understands."""
        tags = span_tags.names(question.values)
        return {
            "num_labels": len(tags),
            "id2label": dict(enumerate(tags)),
            "label2id": {name: index for index, name in enumerate(tags)},
        }

    def encode(
        self, question: Question, examples: Sequence[Example], tokenizer: Any, max_length: int
    ) -> list[Encoding]:
        """Windows with offsets; long texts give several that overlap by a quarter."""
        return span_windows.encode([question.text(example) for example in examples], tokenizer, max_length)

    def tags(
        self,
        question: Question,
        examples: Sequence[Example],
        answers: Sequence[Answer],
        encodings: Sequence[Encoding],
        id2label: Mapping[int, str],
    ) -> list[list[int]]:
        """What to train on: a tag for each token of each encoding, -100 for special tokens."""
        label2id = {name: index for index, name in id2label.items()}
        found = []
        previous = None
        for row in encodings:
            text = question.text(examples[row.example])
            if row.example != previous:
                spans = question.comparable(answers[row.example], examples[row.example])
            found.append(span_tags.tag(text, spans, row.offsets or (), label2id, continued=row.example == previous))
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
        found, habits = list[Prediction](), Habits(calibration)
        for index, example in enumerate(examples):
            if index not in windows:
                found.append(Prediction())
                continue
            offsets, raw = span_windows.merge(windows[index])
            raw = np.where(known, raw.astype(np.float64) / calibration.get(TEMPERATURE, 1.0), -np.inf)
            scores = np.maximum(log_softmax(raw, axis=1), -1e6)
            found.append(_prediction(question.text(example), offsets, scores, tags, habits))
        return found

    def score(self, question: Question, example: Example, gold: Answer, prediction: Prediction) -> Score:
        """Strict, but for white space: start, end and label have to be the same.

        Loss is 1 - F1; 0 where nothing was to be found, or was.
        """
        wanted, given = (_keys(question.comparable(one, example)) for one in (gold, prediction.answer))
        hits = wanted & given
        counts = [Counter(label for _, _, label in keys) for keys in (hits, given - hits, wanted - hits)]
        units = {
            label: Unit(
                true_positives=counts[0][label], false_positives=counts[1][label], false_negatives=counts[2][label]
            )
            for label in sorted({label for _, _, label in wanted | given})
        }
        total = len(wanted) + len(given)
        return Score(loss=1 - 2 * len(hits) / total if total else 0.0, units=units)

    def headline(self, scores: Sequence[Score]) -> float:
        """Micro F1 over all spans; 1 where there are none and none were found."""
        units = [unit for score in scores for unit in score.units.values()]
        hits = sum(unit.true_positives for unit in units)
        total = sum(2 * unit.true_positives + unit.false_positives + unit.false_negatives for unit in units)
        return 2 * hits / total if total else 1.0

    def habits(self, question: Question, examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, float]:
        """How people draw edges here, for the checkpoint's calibration; see `span_habits`."""
        pairs = zip(examples, answers, strict=True)
        return span_habits.learn((question.text(one), question.comparable(answer, one)) for one, answer in pairs)

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
            for tags in self.tags(question, examples, answers, encodings, id2label)
        ]
        habits = self.habits(question, examples, answers)
        again = self.decode(question, examples, encodings, perfect, id2label, habits)
        golds = [question.comparable(gold, example) for gold, example in zip(answers, examples, strict=True)]
        return sum(len(_keys(gold) - _keys(one.answer)) for gold, one in zip(golds, again, strict=True))


def confident(question: Question, prediction: Prediction, least: float) -> Prediction:
    """What is shown of a prediction: of spans those whose own score is at least so high, of other kinds everything.

    A wrong span has to be found and taken away, where the missing one had to be drawn in any case. A wrong choice costs
    the one click that no suggestion would cost too, so that hiding it wins nothing. How sure the whole answer is stays
    as it was: it tells what to label next.
    """
    scores = prediction.item_scores
    if question.kind is not Kind.SPANS or not scores or min(scores) >= least:
        return prediction
    kept = [place for place, score in enumerate(scores) if score >= least]
    answer, items = [prediction.answer[place] for place in kept], tuple(scores[place] for place in kept)
    return prediction.model_copy(update={"answer": answer, "item_scores": items})


def _prediction(
    text: str, offsets: Sequence[tuple[int, int]], scores: np.ndarray, tags: Sequence[str], habits: Habits
) -> Prediction:
    places = seams(text)
    glued = _glued(places, offsets, tags, habits)
    scores = span_tags.within(scores, tags, glued)
    path = span_tags.best_tags(scores, tags, glued)
    likely = scores[np.arange(len(path)), path]
    sure = [
        float(np.exp(min((likely[i] for i, tag in enumerate(path) if tags[tag] == span_tags.OUTSIDE), default=0.0)))
    ]
    runs = _joined(places, offsets, span_tags.runs(path, tags), habits)
    spans: dict[tuple[int, int], tuple[str, float]] = {}
    reached = 0
    for number, (first, after, label) in enumerate(runs):
        follows = offsets[runs[number + 1][0]][0] if number + 1 < len(runs) else len(text)
        start, end = bare(text, offsets[first][0], offsets[after - 1][1])
        if start == end:
            continue
        start, end = whole_graphemes(text, start, end)
        start, end = habits.fitted(text, start, end, label, (min(reached, start), max(follows, end)))
        if reached <= start < end:
            reached = end
            spans[start, end] = label, float(np.exp(likely[first:after].mean()))
    items = tuple(score for _, score in spans.values())
    answer = [{"start": start, "end": end, "label": label} for (start, end), (label, _) in spans.items()]
    return Prediction(answer=answer, score=min(min(sure + list(items)), 1.0), item_scores=items)


def _joined(
    places: Mapping[int, Seam],
    offsets: Sequence[tuple[int, int]],
    runs: Sequence[tuple[int, int, str]],
    habits: Habits,
) -> list[tuple[int, int, str]]:
    """Pieces of one word or number that have one label as one, also where people cut words, unless they keep both."""
    found: list[tuple[int, int, str]] = []
    for first, after, label in runs:
        edge = offsets[first][0]
        touches = bool(found) and found[-1][2] == label and offsets[found[-1][1] - 1][1] == edge
        if touches and edge in places and not habits.touching(label):
            found[-1] = found[-1][0], after, label
        else:
            found.append((first, after, label))
    return found


def _glued(
    places: Mapping[int, Seam], offsets: Sequence[tuple[int, int]], tags: Sequence[str], habits: Habits
) -> np.ndarray:
    """Between which tokens (tokens, tags) no span of a label may begin or end."""
    labels = [tag.partition("-")[2] for tag in tags]
    found = np.zeros((len(offsets), len(tags)), dtype=bool)
    rows: dict[Seam, list[bool]] = {}
    for number, (one, other) in enumerate(pairwise(offsets), start=1):
        if _nested(one, other):
            found[number] = True
        elif one[1] == other[0] and (seam := places.get(other[0])) is not None:
            if seam not in rows:
                rows[seam] = [bool(label) and habits.whole(seam, label) for label in labels]
            found[number] = rows[seam]
    return found


def _nested(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two tokens are parts of one thing: the bytes of an emoji, a marker and the word that it marks."""
    return (one[0] <= other[0] and other[1] <= one[1]) or (other[0] <= one[0] and one[1] <= other[1])


def _keys(spans: Answer) -> set[tuple[int, int, str]]:
    return {(span["start"], span["end"], span["label"]) for span in spans or ()}
