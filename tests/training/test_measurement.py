"""What a gate is given of each measured example."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from labelwheel.training.evaluation import left_behind
from labelwheel.training.evaluation.comparison import compare
from labelwheel.training.kinds import kind_of
from labelwheel.training.measurement import measure
from labelwheel.training.questions import Answer, Kind, Prediction, Question
from labelwheel.training.spec import JobSpec, LabelledExample, NamedSlice, Pair, Part
from tests.training.evaluation.sentences import SENTENCES
from tests.training.inspection.subjects import choice, row


def proposing(rows: Sequence[LabelledExample], unseen: dict[int, Prediction]) -> Any:
    """A proposal that has learnt from rows, and says this of some of them out of fold."""
    return SimpleNamespace(outcome=SimpleNamespace(problem=SimpleNamespace(rows=rows)), unseen=unseen)


def test_a_gate_knows_the_language_of_each_text() -> None:
    question = choice("yes", "no")
    texts = [*SENTENCES["en"], *SENTENCES["de"]]
    known = [row(number, text, "yes") for number, text in enumerate(texts)]
    said = [Prediction(answer="yes" if text in SENTENCES["en"] else "no", score=0.9) for text in texts]
    spec = JobSpec(version="v1", question=question, data="d", output="o")
    found = measure(spec, kind_of(question), known, proposing([], {}), lambda _: said, None)
    assert [pair.slices["language"] for pair in found.pairs] == ["en"] * 12 + ["de"] * 12
    pairs = [pair.model_copy(update={"champion_loss": 0.0}) for pair in found.pairs]
    behind = {
        value: left_behind.in_pairs(NamedSlice(name="language", value=value), pairs, 0.1, 13).left_behind
        for value in ("en", "de")
    }
    assert behind == {"en": False, "de": True}


STARS = Question(name="stars", kind=Kind.RATING, inputs=("text",), minimum=1, maximum=5)


def measured(question: Question, learnt: list[Answer], held: list[Answer], said: Answer) -> list[Pair]:
    """Of a challenger that always answers the same, without a champion."""
    parts = [Part.TRAIN] * len(learnt) + [Part.HELD_OUT] * len(held)
    rows = [
        row(number, f"text {number}", answer).model_copy(update={"part": part})
        for number, (answer, part) in enumerate(zip([*learnt, *held], parts, strict=True))
    ]
    spec = JobSpec(version="v1", question=question, data="d", output="o")

    def answer(examples: Any) -> list[Prediction]:
        return [Prediction(answer=said, score=0.9)] * len(examples)

    return measure(spec, kind_of(question), rows, proposing([], {}), answer, None).pairs


@pytest.mark.parametrize(("said", "passes"), [(1, False), (3, True), (5, False)])
def test_a_first_model_of_ratings_is_held_to_the_answer_that_suits_most(said: int, passes: bool) -> None:
    pairs = measured(STARS, [1, 2, 3, 3, 4, 5], [1, 2, 3, 3, 4, 5] * 2, said)
    assert compare(pairs).passes is passes


def test_where_no_answer_suits_all_texts_none_is_held_against_it() -> None:
    spans = Question(name="words", kind=Kind.SPANS, inputs=("text",), options=choice("yes", "no").options)
    span = [{"start": 0, "end": 4, "label": "yes"}]
    assert [pair.constant_loss for pair in measured(spans, [span] * 4, [span] * 3, span)] == [None] * 3


@pytest.mark.parametrize(("learnt", "folded"), [(0, 80), (120, 30)])
def test_a_gate_is_given_all_that_neither_has_learnt_from_and_a_report_what_is_held_out(
    learnt: int, folded: int
) -> None:
    question = choice("yes", "no")
    train = [
        row(number, f"text {number}", "yes").model_copy(update={"part": Part.TRAIN, "fresh": number < 30})
        for number in range(80)
    ]
    held = [row(number, f"text {number}", "yes") for number in range(100, 120)]
    no, yes = Prediction(answer="no", score=0.9), Prediction(answer="yes", score=0.9)
    champion: Any = SimpleNamespace(
        manifest=SimpleNamespace(label_count=learnt), predict=lambda _, examples: [no] * len(examples)
    )
    found = measure(
        JobSpec(version="v1", question=question, data="d", output="o"), kind_of(question), [*train, *held],
        proposing(train, dict.fromkeys(range(80), yes)), lambda examples: [no] * len(examples), champion,
    )  # fmt: skip
    assert [pair.held_out for pair in found.pairs] == [True] * 20 + [False] * folded
    assert {pair.key for pair in found.pairs if not pair.held_out} == {f"k{number}" for number in range(folded)}
    assert [pair.challenger_loss for pair in found.pairs] == [1.0] * 20 + [0.0] * folded
    reported = [len(each) for each in (found.rows, found.predictions, found.scores, found.champion_scores)]
    assert reported == [50] * 4
    assert len(found.suggested) == 50
    assert found.cross_validated


def test_a_report_of_enough_that_is_held_out_has_nothing_else() -> None:
    question = choice("yes", "no")
    train = [row(number, f"text {number}", "yes").model_copy(update={"part": Part.TRAIN}) for number in range(80)]
    held = [row(number, f"text {number}", "yes") for number in range(100, 160)]
    yes = Prediction(answer="yes", score=0.9)
    found = measure(
        JobSpec(version="v1", question=question, data="d", output="o"), kind_of(question), [*train, *held],
        proposing(train, dict.fromkeys(range(80), yes)), lambda examples: [yes] * len(examples), None,
    )  # fmt: skip
    assert len(found.rows) == 60
    assert not found.cross_validated
    assert len(found.pairs) == 140
