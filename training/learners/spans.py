"""Spans: entities or mentions in a text, learnt as BIO tags of tokens and answered as ranges of code points."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import log_softmax

from training.learners import span_tags, span_windows
from training.learners.base import Encoding, Learner, Score
from training.questions import Answer, Example, Prediction, Question
from training.spec import Unit

TEMPERATURE = "temperature"
SPLITS_WORDS = "splits_words"
EDGE_PUNCTUATION = "edge_punctuation"
_ENOUGH = 20
_RARE = 0.01
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "JAVANESE")


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
            text, spans = question.text(examples[row.example]), answers[row.example]
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
        found = []
        for index, example in enumerate(examples):
            if index not in windows:
                found.append(Prediction())
                continue
            offsets, raw = span_windows.merge(windows[index])
            raw = np.where(known, raw.astype(np.float64) / calibration.get(TEMPERATURE, 1.0), -np.inf)
            scores = np.maximum(log_softmax(raw, axis=1), -1e6)
            found.append(_prediction(question.text(example), offsets, scores, tags, calibration))
        return found

    def score(self, question: Question, example: Example, gold: Answer, prediction: Prediction) -> Score:
        """Strict: start, end and label have to be the same. Loss is 1 - F1; 0 where nothing was to be found, or was."""
        wanted, given = _keys(gold), _keys(prediction.answer)
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
        """How people draw edges here, for the checkpoint's calibration: the shares of spans that cut a word, and that
        begin or end with punctuation. With fewer than 20 spans nothing is known, and nothing is returned.
        """
        texts = [question.text(example) for example in examples]
        drawn = [(text, span) for text, spans in zip(texts, answers, strict=True) for span in spans]
        if len(drawn) < _ENOUGH:
            return {}
        cut = [_in_word(text, span["start"]) or _in_word(text, span["end"]) for text, span in drawn]
        edges = [_punctuation(text[span["start"]]) or _punctuation(text[span["end"] - 1]) for text, span in drawn]
        return {SPLITS_WORDS: float(np.mean(cut)), EDGE_PUNCTUATION: float(np.mean(edges))}

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
        return sum(len(_keys(gold) - _keys(one.answer)) for gold, one in zip(answers, again, strict=True))


def _prediction(
    text: str,
    offsets: Sequence[tuple[int, int]],
    scores: np.ndarray,
    tags: Sequence[str],
    calibration: Mapping[str, float],
) -> Prediction:
    words = calibration.get(SPLITS_WORDS, 0.0) < _RARE
    glued = [
        _nested(previous, current) or (words and previous[1] == current[0] and _in_word(text, current[0]))
        for previous, current in zip([(-1, -1), *offsets[:-1]], offsets, strict=True)
    ]
    path = span_tags.best_tags(scores, tags, glued)
    likely = scores[np.arange(len(path)), path]
    sure = [
        float(np.exp(min((likely[i] for i, tag in enumerate(path) if tags[tag] == span_tags.OUTSIDE), default=0.0)))
    ]
    spans: dict[tuple[int, int], tuple[str, float]] = {}
    reached = 0
    for first, after, label in span_tags.runs(path, tags):
        edges = _edges(text, offsets[first][0], offsets[after - 1][1], calibration)
        if reached <= edges[0] < edges[1]:
            reached = edges[1]
            spans[edges] = label, float(np.exp(likely[first:after].mean()))
    items = tuple(score for _, score in spans.values())
    answer = [{"start": start, "end": end, "label": label} for (start, end), (label, _) in spans.items()]
    return Prediction(answer=answer, score=min(min(sure + list(items)), 1.0), item_scores=items)


def _edges(text: str, start: int, end: int, calibration: Mapping[str, float]) -> tuple[int, int]:
    start, end = span_windows.bare(text, start, end)
    start, end = span_windows.whole_graphemes(text, start, end)
    # only where people were seen to leave punctuation out; what is nothing else stays as it is
    if calibration.get(EDGE_PUNCTUATION, 1.0) < _RARE:
        low, high = start, end
        while low < high and _punctuation(text[low]):
            low += 1
        while low < high and _punctuation(text[high - 1]):
            high -= 1
        low, high = span_windows.bare(text, low, high)
        # a mark that is written over punctuation stays with it
        if low < high and span_windows.whole_graphemes(text, low, high) == (low, high):
            start, end = low, high
    return start, end


def _nested(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two tokens are parts of one thing: the bytes of an emoji, a marker and the word that it marks."""
    return (one[0] <= other[0] and other[1] <= one[1]) or (other[0] <= one[0] and one[1] <= other[1])


def _in_word(text: str, edge: int) -> bool:
    """Whether an edge lies between two letters of a script that puts spaces between words."""
    if not 0 < edge < len(text):
        return False
    return all(
        unicodedata.category(letter)[0] in "LM" and not unicodedata.name(letter, "").startswith(_UNSPACED)
        for letter in text[edge - 1 : edge + 1]
    )


def _punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] == "P"


def _keys(spans: Answer) -> set[tuple[int, int, str]]:
    return {(span["start"], span["end"], span["label"]) for span in spans or ()}
