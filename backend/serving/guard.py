"""What leaves the service fits its question: anything else would become a person's label at the next Submit."""

from __future__ import annotations

import json
import math
import re
from itertools import zip_longest

from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Example, Prediction, Question

NOTHING = Prediction()
_SURROGATE = re.compile("[\ud800-\udfff]")


def readable(question: Question, example: Example, max_characters: int) -> bool:
    """Whether there is something to suggest for: a text that is neither empty nor longer than the limit."""
    texts = question.texts(example)
    return any(text.strip() for text in texts) and sum(map(len, texts)) <= max_characters


def encodable(example: Example) -> Example:
    """The example without half surrogate pairs, which no tokenizer takes; every offset stays where it was."""
    fields = {name: _SURROGATE.sub("\ufffd", text) for name, text in example.fields.items()}
    return example if fields == dict(example.fields) else Example(key=example.key, fields=fields)


def clean(
    question: Question, example: Example, prediction: Prediction, hide_below: float = 0.0
) -> tuple[Prediction, int]:
    """The prediction as it may be shown, and how many parts of it were dropped (unknown labels, spans outside).

    What has a score below `hide_below` is hidden, of spans each by its own, which is no fault and not counted.
    """
    answer = prediction.answer
    if answer is None:
        return NOTHING, 0
    if not _is_number(prediction.score):
        return NOTHING, 1
    score = _clamp(prediction.score)
    if isinstance(answer, list):
        cleaned, dropped = _clean_items(question, example, prediction, score)
        return kind_of(question).shown(cleaned, hide_below), dropped
    try:
        cleaned = Prediction(answer=question.check(answer, example), score=score)
    except InvalidAnswer:
        return NOTHING, 1
    return kind_of(question).shown(cleaned, hide_below), 0


def _clean_items(question: Question, example: Example, prediction: Prediction, score: float) -> tuple[Prediction, int]:
    scores: dict[str, float] = {}
    items = []
    dropped = 0
    for item, item_score in zip_longest(prediction.answer, prediction.item_scores[: len(prediction.answer)]):
        try:
            [canonical] = question.check([item], example)
        except (InvalidAnswer, TypeError):
            dropped += 1
            continue
        if item_score is not None and not _is_number(item_score):
            dropped += 1
            continue
        items.append(canonical)
        _keep_highest(scores, json.dumps(canonical), _clamp(score if item_score is None else item_score))
    if dropped and not items:
        return NOTHING, dropped  # an empty list would say "none of them", which nobody predicted
    answer = question.check(items, example)
    item_scores = tuple(scores[json.dumps(item)] for item in answer)
    return Prediction(answer=answer, score=score, item_scores=item_scores), dropped


def _keep_highest(scores: dict[str, float], item: str, score: float) -> None:
    scores[item] = max(score, scores.get(item, 0.0))


def _is_number(score: float) -> bool:
    return isinstance(score, float | int) and math.isfinite(score)


def _clamp(score: float) -> float:
    return min(1.0, max(0.0, float(score)))
