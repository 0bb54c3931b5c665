"""What stands in for a foreign model answers every request, is never kept, and is told to whoever looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from labelwheel.backend.serving.cache import AnswerCache
from labelwheel.backend.serving.foreign import ForeignServed
from labelwheel.backend.serving.predictor import Predictor, ServedQuestion
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.training.questions import Example, Prediction, Question
from tests.backend.serving.fakes import FakeEngine, FakeModel, example, question
from tests.backend.serving.test_models import World, world

__all__ = ["world"]


class Answers:
    """In the place of a process: says "bad" to all that it has an answer for."""

    def __init__(self) -> None:
        self.away: set[str] = set()
        self.problem: str | None = None

    def predict(self, asked: Question, examples: Sequence[Example]) -> list[Prediction | None]:
        return [
            None if asked.text(each) in self.away else Prediction(answer="bad", score=0.9) for each in examples
        ]  # fmt: skip


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def predictor() -> Iterator[tuple[Predictor, FakeEngine]]:
    engine = FakeEngine()
    queue = InferenceQueue(engine)
    yield Predictor(queue, AnswerCache()), engine
    queue.close()


def test_what_it_does_not_answer_the_model_below_does_and_nobody_keeps_that(
    answers: Any, predictor: tuple[Predictor, FakeEngine]
) -> None:
    asking, engine = predictor
    below: Any = FakeModel("v7", question(), engine)
    below.manifest = None
    model = ForeignServed(below, answers)
    assert model.encoder.layered is None
    asked = {"mood": ServedQuestion(question(), model)}

    def said(*texts: str) -> list[Any]:
        return [one["mood"].answer for one in asking.suggest(asked, [example(text, text) for text in texts])]

    answers.away = {"two"}
    assert said("one", "two", "three") == ["bad", "good", "bad"], "each example by itself"
    answers.away = set()
    assert said("one", "two", "three") == ["bad", "bad", "bad"], "what stood in was not remembered"
    answers.away = {"one", "two", "three"}
    assert said("one", "two", "three") == ["bad", "bad", "bad"], "what the model itself said was"


def test_why_it_does_not_answer_is_told_and_costs_no_checkpoint(answers: Any, world: World) -> None:
    load = world.engine.load
    world.engine.load = lambda *given: ForeignServed(load(*given), answers)  # type: ignore[method-assign, assignment, return-value]
    world.want("g1", mood="v1")
    world.served_models.follow()
    assert world.served_models.problems == {}
    answers.problem = "it ended with 4"
    assert world.served_models.problems == {
        "1": {
            "generation": "g1", "question": "mood",
            "message": "it ended with 4; what lies beside it answers meanwhile", "answered_for": "yes",
        }
    }  # fmt: skip
    assert not world.served_models.follow(), "it stays as it is"
    answers.problem = None
    assert world.served_models.problems == {}
