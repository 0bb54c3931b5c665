"""Responses as answers, and predictions as suggestions; only what the dataset's settings and the text allow passes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from labelwheel.plugins.argilla.layout import Control
from labelwheel.plugins.argilla.offsets import Offsets
from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.questions import Answer, Example, Prediction, Question, brief

LISTS = frozenset(("multi_label_selection", "span"))
"""The types that are answered with a list, of which none may be right."""


class Value(NamedTuple):
    """What is suggested for one question: a value as Argilla has it, and its score (a list's has one per item)."""

    value: Any
    score: float | list[float] | None


def said(control: Control, values: Mapping[str, Any]) -> Any:
    """The value that a response has for a question; None where it has none."""
    given = values.get(control.name)
    return given.get("value") if isinstance(given, Mapping) else None


def decode(control: Control, values: Mapping[str, Any], example: Example) -> tuple[dict[str, Answer], list[str]]:
    """Answers by question name, and what could not be taken, in words; a question that was left open is no key."""
    value = said(control, values)
    rejected: list[str] = []
    if control.type == "ranking":
        return _ranked(control, value, rejected), rejected
    (question,) = control.questions
    if value is None or (control.type == "text" and value == ""):
        # the only way to say "none of them", as Argilla takes no empty list of labels
        return ({question.name: []} if control.type in LISTS else {}), []
    if isinstance(value, list) and control.type == "span":
        value = _read_spans(control, value, example, rejected)
    elif isinstance(value, list):
        value = [control.canonical(one) for one in value]
    else:
        value = control.canonical(value)
    if rejected and not value:
        return {}, rejected  # an empty list would say "none of them"
    answer, refused = question.fitting(value, example)
    return ({} if answer is None else {question.name: answer}), rejected + refused


def encode(control: Control, predictions: Mapping[str, Prediction], example: Example) -> Value | None:
    """A question's suggestion; None where nothing is to be suggested. `predictions` are by question name."""
    if control.type == "ranking":
        return _ranking(control, predictions)
    (question,) = control.questions
    prediction = predictions.get(question.name)
    if prediction is None or prediction.answer is None or not question.text(example):
        return None
    try:
        answer = question.check(prediction.answer, example)
    except InvalidAnswer:
        return None
    if control.type == "span":
        return _spans(control, question, answer, _scores(prediction), example)
    if control.type == "multi_label_selection":
        scores = _scores(prediction)
        return Value(answer, [scores[_key(one)] for one in answer]) if answer else None
    if control.type == "rating":
        answer = int(answer)
        return Value(answer, probability(prediction.score)) if answer in control.values else None
    return Value(answer, probability(prediction.score))


def probability(score: float) -> float:
    """A score that Argilla takes: finite, within [0, 1]."""
    return round(min(max(float(score), 0.0), 1.0), 4) if math.isfinite(score) else 0.0


def _read_spans(control: Control, said: Sequence[Any], example: Example, rejected: list[str]) -> list[Any]:
    (question,) = control.questions
    offsets = Offsets(question.text(example))
    found = []
    for span in said:
        start, end = (offsets.point(span.get(edge)) if isinstance(span, Mapping) else None for edge in ("start", "end"))
        if start is None or end is None:
            rejected.append(f"{question.name!r}: {brief(span)} is no place in the text ({offsets.length} characters)")
        else:
            found.append({"start": start, "end": end, "label": control.canonical(span.get("label"))})
    return found


def _spans(
    control: Control,
    question: Question,
    answer: Sequence[Mapping[str, Any]],
    scores: Mapping[Any, float],
    example: Example,
) -> Value:
    offsets = Offsets(question.text(example))
    kept: list[Mapping[str, Any]] = []
    for span in sorted(answer, key=lambda span: -scores[_key(span)]):
        # the server counts code points when it looks for the end of the text: one span beyond costs the whole batch
        beyond = offsets.units(span["end"]) > offsets.length
        crossing = any(span["start"] < other["end"] and other["start"] < span["end"] for other in kept)
        if not beyond and (control.settings.get("allow_overlapping") or not crossing):
            kept.append(span)
    kept.sort(key=lambda span: (span["start"], span["end"]))
    value = [
        {"start": offsets.units(one["start"]), "end": offsets.units(one["end"]), "label": one["label"]} for one in kept
    ]
    return Value(value, [scores[_key(one)] for one in kept] or None)


def _ranked(control: Control, said: Any, rejected: list[str]) -> dict[str, Answer]:
    """Which of each pair comes first; a tie leaves its pair open."""
    if said is None:
        return {}
    ranks: dict[Any, int] = {}
    for one in said if isinstance(said, list) else [said]:
        value = control.canonical(one.get("value")) if isinstance(one, Mapping) else None
        if not isinstance(value, str) or type(one.get("rank")) is not int:
            rejected.append(f"{control.name!r}: {brief(one)} is no option with its rank")
        else:
            ranks[value] = one["rank"]
    answers = {}
    for question, (one, other) in zip(control.questions, control.pairs, strict=True):
        first, second = ranks.get(one), ranks.get(other)
        if first is not None and second is not None and first != second:
            answers[question.name] = question.values[0 if first < second else 1]
    return answers


def _ranking(control: Control, predictions: Mapping[str, Prediction]) -> Value | None:
    """The order that the pairs agree on best: by the sum of the probabilities to come first."""
    sums = dict.fromkeys(map(str, control.values), 0.0)
    for question, (one, other) in zip(control.questions, control.pairs, strict=True):
        prediction = predictions.get(question.name)
        if prediction is None or prediction.answer is None:
            return None
        first = prediction.answer == question.values[0]
        score = probability(prediction.score)
        sums[one] += score if first else 1.0 - score
        sums[other] += 1.0 - score if first else score
    order = sorted(sums, key=lambda value: -sums[value])
    value = [{"value": one, "rank": rank} for rank, one in enumerate(order, start=1)]
    return Value(value, [probability(sums[one] / (len(order) - 1)) for one in order])


def _scores(prediction: Prediction) -> dict[Any, float]:
    """A score for each item of a list answer; the whole answer's where an item has none of its own."""
    items = list(prediction.answer)
    own = [*prediction.item_scores, *[prediction.score] * len(items)]
    return {_key(item): probability(score) for item, score in zip(items, own, strict=False)}


def _key(item: Any) -> Any:
    return (item["start"], item["end"], item["label"]) if isinstance(item, Mapping) else item
