"""Whether the checkpoint is worth its cost: simpler ways of answering, on the same held-out examples.

Each learns from the training labels alone: the one answer that suits most of them; the label names; logistic regression
on words (ridge regression of numbers); of spans a list of those that were marked. Differences are paired, with the
intervals that the gate has. The champion before it stands in the report already.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.evaluation.markdown import change, number, table, words
from labelwheel.training.evaluation.paired import Paired
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.kinds.base import Row
from labelwheel.training.questions import Answer, Prediction
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.strategies.label_names import settled

LEAST = 10
"""Of fewer examples to learn from, or to measure on, nothing is compared."""

_SURE = 0.5
Answers = list[Answer]


class Baselines:
    """The section."""

    name = "baselines"

    def look(self, subject: Subject) -> dict[str, Any]:
        """`baselines` have each way's score and what the checkpoint wins over it; `missing` says what cannot be had."""
        train = [row for row in subject.rows if row.part is Part.TRAIN and subject.question.text(row.example)]
        if min(len(train), len(subject.measured)) < LEAST:
            return {}
        ways: dict[str, Answers | str] = {
            "the same answer to all": _constant(subject, train),
            "label names alone": _names(subject),
        }
        if subject.kind.row is Row.TOKEN:
            ways["a list of the marked words"] = _listed(subject, train)
        else:
            ways["regression on words"] = _by_words(subject, train)
        return {
            "metric": subject.kind.metric,
            "examples": len(subject.measured),
            "score": subject.kind.headline(subject.scores),
            "baselines": [_compared(subject, name, said) for name, said in ways.items() if not isinstance(said, str)],
            "missing": {name: said for name, said in ways.items() if isinstance(said, str)},
        }

    def render(self, found: Mapping[str, Any]) -> str:
        """A table, and what has no baseline."""
        rows = [
            (row["name"], number(row["score"]), change(row["difference"], row["low"], row["high"]),
             "beyond chance" if row["low"] > 0 or row["high"] < 0 else "")
            for row in found["baselines"]
        ]  # fmt: skip
        header = ("instead of the checkpoint", words(found["metric"]), "it wins in mean score (90 % interval)", "")
        opening = f"The checkpoint has {number(found['score'])} on {found['examples']:,} held-out examples."
        missing = "\n".join(f"- No {name}: {why}." for name, why in found["missing"].items())
        return "\n\n".join(filter(None, ["## Against simpler ways", opening, table(header, rows), missing]))


def _compared(subject: Subject, name: str, answers: Answers) -> dict[str, Any]:
    scores = subject.scored(subject.measured, [Prediction(answer=answer, score=1.0) for answer in answers])
    paired = Paired.of([row.group for row in subject.measured], scores, subject.scores, subject.seed)
    low, high = paired.interval
    score = subject.kind.headline(scores)
    return {"name": name, "score": score, "difference": paired.difference, "low": low, "high": high}


def _constant(subject: Subject, train: Sequence[LabelledExample]) -> Answers | str:
    if subject.kind.row is Row.TOKEN:
        return "a mark is at another place in each text"
    return [subject.kind.agree([row.answer for row in train])] * len(subject.measured)


def _names(subject: Subject) -> Answers | str:
    frozen, problem = subject.frozen, subject.problem
    if frozen.names is None:
        return "the names of the options cannot answer this kind of question"
    place = {row.example.key: index for index, row in enumerate(problem.rows)}
    there = sorted(place[row.example.key] for row in subject.measured if row.example.key in place)
    said = problem.predict(there, frozen.logits(frozen.prior(1.0), there), settled(subject.kind))
    by_key = {problem.rows[index].example.key: one.answer for index, one in zip(there, said, strict=True)}
    return [by_key.get(row.example.key) for row in subject.measured]


def _by_words(subject: Subject, train: Sequence[LabelledExample]) -> Answers | str:
    """TF-IDF of words and pairs of them; of several labels one regression each, which says yes from a half on."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import MultiLabelBinarizer

    if subject.kind.free:
        return "each answer is in words of its own, and no class"
    if subject.kind.sides > 1:
        return "two texts are compared, and words say nothing of that"
    question, answers = subject.question, [row.answer for row in train]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    try:
        rows = vectorizer.fit_transform([question.text(row.example) for row in train])
    except ValueError:
        return "the training texts have no words"
    asked = vectorizer.transform([question.text(row.example) for row in subject.measured])
    if subject.kind.standardised:
        return [_bounded(subject, float(each)) for each in Ridge().fit(rows, answers).predict(asked)]
    regression = LogisticRegression(C=10.0, max_iter=1_000)
    if isinstance(answers[0], list):
        binary = MultiLabelBinarizer()
        targets = binary.fit_transform([[json.dumps(item) for item in answer] for answer in answers])
        if targets.shape[1] < 1:
            return "no training label names an option"
        found = OneVsRestClassifier(regression).fit(rows, targets).predict_proba(asked) >= _SURE
        chosen = [[json.loads(binary.classes_[place]) for place in each.nonzero()[0]] for each in found]
        return [question.check(one, row.example) for one, row in zip(chosen, subject.measured, strict=True)]
    if len({json.dumps(answer) for answer in answers}) < 2:
        return "all training labels are the same"
    said = regression.fit(rows, [json.dumps(answer) for answer in answers]).predict(asked)
    return [json.loads(each) for each in said]


def _bounded(subject: Subject, value: float) -> float:
    low, high = subject.question.minimum, subject.question.maximum
    return min(max(value, low if low is not None else value), high if high is not None else value)


def _listed(subject: Subject, train: Sequence[LabelledExample]) -> Answers | str:
    """What was marked is marked again wherever it stands as whole words, the longest first."""
    question, labels = subject.question, dict[str, Counter[str]]()
    for row in train:
        for span in row.answer:
            words_ = question.text(row.example)[span["start"] : span["end"]].lower()
            labels.setdefault(words_, Counter())[span["label"]] += 1
    names = sorted(filter(str.strip, labels), key=lambda each: (-len(each), each))
    if not names:
        return "nothing is marked in the training texts"
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)", re.IGNORECASE)
    found: Answers = []
    for row in subject.measured:
        marks = [
            {"start": each.start(), "end": each.end(), "label": labels[each.group().lower()].most_common(1)[0][0]}
            for each in pattern.finditer(question.text(row.example))
            if each.group().lower() in labels
        ]
        try:
            found.append(question.check(marks, row.example))
        except InvalidAnswer:
            found.append([])
    return found


BASELINES = Baselines()
