"""Responses as answers, and predictions as suggestions; only what the dataset's settings and the text allow passes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from labelwheel.plugins.argilla.layout import Control
from labelwheel.plugins.argilla.offsets import Offsets
from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.questions import Answer, Example, Kind, Prediction, Question, brief


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
    if value is None:
        # the only way to say "none of them", as Argilla takes no empty list of labels
        return ({question.name: []} if question.kind in (Kind.CHOICES, Kind.SPANS) else {}), []
    if isinstance(value, list) and question.kind is Kind.SPANS:
        value = _read_spans(control, value, example, rejected)
        return _fitting(question, value, example, rejected)
    if isinstance(value, list) and question.kind is Kind.CHOICES:
        return _fitting(question, [control.canonical(one) for one in value], example, rejected)
    try:
        return {question.name: question.check(control.canonical(value), example)}, rejected
    except InvalidAnswer as error:
        return {}, [str(error)]


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
    if question.kind is Kind.SPANS:
        return _spans(control, question, answer, _scores(prediction), example)
    if question.kind is Kind.CHOICES:
        scores = _scores(prediction)
        return Value(answer, [scores[_key(one)] for one in answer]) if answer else None
    if control.type == "rating":
        answer = int(answer)
        return Value(answer, probability(prediction.score)) if answer in control.values else None
    return Value(answer, probability(prediction.score))


def probability(score: float) -> float:
    """A score that Argilla takes: finite, within [0, 1]."""
    return round(min(max(float(score), 0.0), 1.0), 4) if math.isfinite(score) else 0.0


def _fitting(
    question: Question, items: Sequence[Any], example: Example, rejected: list[str]
) -> tuple[dict[str, Answer], list[str]]:
    kept = []
    for item in items:
        try:
            question.check([item], example)
            kept.append(item)
        except InvalidAnswer as error:
            rejected.append(str(error))
    if rejected and not kept:
        return {}, rejected  # an empty list would say "none of them"
    return {question.name: question.check(kept, example)}, rejected


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
            sides = ("left", "right") if question.kind is Kind.PAIRWISE else (one, other)
            answers[question.name] = sides[0] if first < second else sides[1]
    return answers


def _ranking(control: Control, predictions: Mapping[str, Prediction]) -> Value | None:
    """The order that the pairs agree on best: by the sum of the probabilities to come first."""
    sums = dict.fromkeys(map(str, control.values), 0.0)
    for question, (one, other) in zip(control.questions, control.pairs, strict=True):
        prediction = predictions.get(question.name)
        if prediction is None or prediction.answer is None:
            return None
        first = prediction.answer == ("left" if question.kind is Kind.PAIRWISE else one)
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
