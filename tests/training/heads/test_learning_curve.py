"""The learning curve: each head is measured on what it has not learnt, and on all of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labelwheel.training.evaluation.findings import CurvePoint
from labelwheel.training.heads import followed, learning_curve
from labelwheel.training.heads.learning_curve import Known, drawn
from labelwheel.training.model import Model
from labelwheel.training.questions import Answer, Kind, Option, Prediction, Question
from labelwheel.training.spec import LabelledExample
from tests.training.heads.test_followed import made
from tests.training.models import WORDS, choice, rows, tiny_bert

RIGHT: Any = [Prediction(answer=row.answer, score=1.0) for row in rows(8)]


def known(labelled: Sequence[LabelledExample], said: Sequence[Prediction] = RIGHT, **more: Any) -> Known:
    return Known(choice(), labelled, said, **{"parts": 10, **more})


def test_points_are_of_fewer_labels_and_measured_on_all_others() -> None:
    labelled, asked = rows(8), list[tuple[list[int], list[int]]]()

    def answer(learn: list[int], others: list[int]) -> list[Prediction]:
        asked.append((learn, others))
        return [RIGHT[place] if place % 2 else Prediction() for place in others]

    points = drawn(known(labelled), answer, seconds=60.0)
    assert [point.labels for point in points] == [12, 24, 48, 86]  # of 96, and nine tenths out of fold
    assert points[-1].score == 1.0
    assert all(point.low <= 0.5 <= point.high for point in points[:-1])
    for learn, others in asked:
        assert sorted([*learn, *others]) == list(range(96))
    assert len({tuple(learn) for learn, _ in asked}) == len(asked) == 4 + 3 + 2


def test_copies_of_one_text_are_on_one_side_and_count_as_one() -> None:
    labelled = [row.model_copy(update={"group": str(place // 4)}) for place, row in enumerate(rows(8))]

    def answer(learn: list[int], others: list[int]) -> list[Prediction]:
        return [RIGHT[place] if (place // 4) % 2 else Prediction() for place in others]

    def apart(learn: list[int], others: list[int]) -> list[Prediction]:
        assert not {labelled[place].group for place in learn} & {labelled[place].group for place in others}
        return answer(learn, others)

    copies, alone = drawn(known(labelled), apart, 60.0), drawn(known(rows(8)), answer, 60.0)
    assert copies[0].high - copies[0].low > 1.5 * (alone[0].high - alone[0].low)


def test_what_is_hidden_is_not_shown_by_the_curve() -> None:
    question = Question(name="q", kind=Kind.SPANS, inputs=("text",), options=(Option(value="a"),))
    marked: Answer = [{"start": 0, "end": 4, "label": "a"}]
    labelled = [row.model_copy(update={"answer": marked}) for row in rows(5)]
    said = [Prediction(answer=marked, score=0.9, item_scores=(0.4,))] * len(labelled)
    scores = {}
    for below in (0.0, 0.5):
        points = drawn(Known(question, labelled, said, 3, below), lambda learn, others: said[: len(others)], 60.0)
        scores[below] = {point.score for point in points}
    assert scores == {0.0: {1.0}, 0.5: {0.0}}


def test_there_is_none_where_heads_are_not_surely_ahead_of_names() -> None:
    labelled = rows(8)
    answers = [RIGHT[place] if place % 3 else Prediction() for place in range(len(labelled))]

    def points(wrong: int) -> list[CurvePoint]:
        names = [Prediction() if place < wrong else RIGHT[place] for place in range(len(labelled))]
        return drawn(known(labelled, answers, before=names), lambda _, others: [RIGHT[place] for place in others], 60.0)

    assert [len(points(wrong)) for wrong in (20, 32, 40, 60)] == [0, 0, 0, 4]  # of 96, and 32 of the heads


@pytest.mark.parametrize("copies", [4, 5])
def test_there_is_none_before_a_forecast_can_be_made(copies: int) -> None:
    """Of 48 and of 60 labels."""
    labelled = rows(copies)
    points = drawn(known(labelled, RIGHT[: len(labelled)]), lambda _, others: [RIGHT[place] for place in others], 60.0)
    assert len(points) == (0 if copies == 4 else 3)


def test_when_its_time_is_over_what_was_drawn_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(learning_curve.time, "monotonic", lambda: float(next(clock)))
    points = drawn(known(rows(8)), lambda learn, others: [RIGHT[place] for place in others], seconds=5.0)
    assert [point.labels for point in points] == [12, 24, 86]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model.load(made(tmp_path_factory.mktemp("names"), [], recipe="names"), "cpu")


def curve(champion: Model, question: Question, labelled: Sequence[LabelledExample]) -> Sequence[CurvePoint]:
    return followed.follow(champion, question, labelled).curve


def test_heads_on_names_get_better_with_labels_that_names_do_not_tell(names: Model) -> None:
    other = dict(zip(WORDS, ("music", "food", "weather"), strict=True))
    labelled = [row.model_copy(update={"answer": other[str(row.answer)]}) for row in rows(8)]
    points = curve(names, choice(), labelled)
    assert [point.labels for point in points] == [12, 24, 48, 86]
    assert points[0].score < points[-1].score
    assert points[-1].score > 0.9


def test_several_labels_have_one_where_names_are_beaten(tmp_path: Path) -> None:
    options = tuple(Option(value=word) for word in WORDS)
    question = Question(name="q", kind=Kind.CHOICES, inputs=("text",), options=options)
    other = dict(zip(WORDS, (["music"], ["food", "weather"], ["weather"]), strict=True))
    labelled = [row.model_copy(update={"answer": other[str(row.answer)]}) for row in rows(8)]
    points = curve(Model.load(made(tmp_path, [], question, recipe="names"), "cpu"), question, labelled)
    assert [point.labels for point in points] == [12, 24, 48, 86]
    assert points[-1].score > 0.9


def test_labels_that_names_tell_have_none(names: Model) -> None:
    labelled = rows(8)
    said = names.predict(choice(), [row.example for row in labelled])
    agreed = [row.model_copy(update={"answer": one.answer}) for row, one in zip(labelled, said, strict=True)]
    assert followed.follow(names, choice(), agreed).answers
    assert not curve(names, choice(), agreed)


def tuned(champion: str) -> Model:
    """The same, as if its encoder had learnt."""
    model = Model.load(champion, "cpu")
    return replace(model, manifest=model.manifest.model_copy(update={"recipe": "finetuned"}))


@pytest.mark.parametrize("kind", [Kind.CHOICE, Kind.RATING])
def test_a_champion_that_knows_these_labels_has_none(tmp_path: Path, kind: Kind) -> None:
    """What it says of a text is what it was taught of it."""
    question, answers = choice(), dict[str, Answer](zip(WORDS, WORDS, strict=True))
    if kind is Kind.RATING:
        question = Question(name="q", kind=kind, inputs=("text",), minimum=1, maximum=3)
        answers = dict(zip(WORDS, (1, 2, 3), strict=True))
    labelled = [row.model_copy(update={"answer": answers[str(row.answer)]}) for row in rows(6)]
    champion = tuned(made(tmp_path, labelled, question, base_model=str(tiny_bert(tmp_path / "base"))))
    found = followed.follow(champion, question, labelled)
    assert found.answers
    assert not found.curve


def test_spans_have_one_where_the_encoder_has_learnt_nothing(tmp_path: Path) -> None:
    question = Question(name="q", kind=Kind.SPANS, inputs=("text",), options=(Option(value="a"),))
    answers = {word: [{"start": 0, "end": 4, "label": "a"}] if word == "music" else [] for word in WORDS}
    labelled = [row.model_copy(update={"answer": answers[str(row.answer)]}) for row in rows(6)]
    champion = made(tmp_path, labelled, question, base_model=str(tiny_bert(tmp_path / "base")))
    points = curve(Model.load(champion, "cpu"), question, labelled)
    assert [point.labels for point in points] == [9, 18, 36, 48]  # of 72, and two thirds out of fold
    assert points[-1].score >= points[0].score
    assert not curve(tuned(champion), question, labelled)
