"""What the tests of the conformance suite have in common: texts, a look at the tool, suggestions of one answer."""

from __future__ import annotations

from typing import Any, NoReturn

from labelwheel.plugins.connector import Connector, Suggestion
from labelwheel.plugins.testing.ledger_copy import LedgerCopy
from labelwheel.plugins.testing.stage import ANSWERS, Stage
from labelwheel.training.questions import Prediction, Question

SPORT, POLITICS = ANSWERS
NEW, NEWER = "lw-1-0001-abcdef", "lw-1-0002-ghjkmn"
"""Versions, as labelwheel makes them."""


def texts(count: int) -> list[str]:
    return [f"text number {number} is about {number**5}" for number in range(count)]


def read(stage: Stage) -> LedgerCopy:
    connector = stage.connector()
    return LedgerCopy(connector.config().questions).all(connector.poll(None))


def poll(stage: Stage, copy: LedgerCopy) -> None:
    """As after a restart: by a connector that remembers nothing but the cursor."""
    copy.all(stage.connector().poll(copy.cursor))


def suggestion(example: Any, question: Question, version: str, answer: str) -> Suggestion:
    predictions = {question.name: Prediction(answer=answer, score=0.75)}
    return Suggestion(example=example, version=version, predictions=predictions)


def fill(connector: Connector, question: Question, version: str, answer: str) -> set[str]:
    """A whole backfill; returns what waited."""
    waited: set[str] = set()
    for page in connector.waiting(version, None):
        waited |= {one.key for one in page.examples}
        connector.push([suggestion(one, question, version, answer) for one in page.examples], [question])
    return waited


def skip(reason: str) -> NoReturn:
    import pytest

    pytest.skip(reason)
