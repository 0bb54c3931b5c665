"""What holds for every kind of question, whatever it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelwheel.training.evaluation import metrics
from labelwheel.training.kinds import kind_of, names
from labelwheel.training.questions import PATH_SEPARATOR, Example, Kind, Option, Prediction, Question

ONE = Example(key="1", fields={"text": "Ada met Bob in Rome", "other": "Nobody met anybody"})
OPTIONS = tuple(Option(value=value) for value in ("a", "b", f"c{PATH_SEPARATOR}d"))
ASKED: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "choice": ({"options": OPTIONS}, ["a", "b"]),
    "choices": ({"options": OPTIONS}, [["a"], []]),
    "spans": (
        {"options": OPTIONS},
        [[{"start": 0, "end": 3, "label": "a"}, {"start": 8, "end": 11, "label": "b"}], []],
    ),
    "rating": ({"minimum": 1, "maximum": 5}, [5, 2]),
    "taxonomy": ({"options": OPTIONS}, [[["a"], ["c", "d"]], []]),
    "number": ({"minimum": 0, "maximum": 10}, [10, 2.5]),
    "pairwise": ({"inputs": ("text", "other")}, ["left", "right"]),
}


def question(kind: str) -> Question:
    return Question(**{"name": "q", "kind": kind, "inputs": ("text",), **ASKED[kind][0]})


def test_each_kind_that_comes_along_has_a_name_and_an_example_here() -> None:
    assert [str(kind) for kind in Kind] == list(ASKED)
    assert set(ASKED) <= set(names())


@pytest.mark.parametrize("kind", ASKED)
def test_other_answers_fit_and_are_other_ones(kind: str) -> None:
    asked = question(kind)
    for answer in ASKED[kind][1]:
        others = list(kind_of(kind).alternatives(asked, ONE, answer))
        assert others
        for other in others:
            assert asked.check(other, ONE) == other
            assert kind_of(kind).score(asked, ONE, answer, Prediction(answer=other)).loss > 0
        written = [json.dumps(other) for other in others]
        assert len(set(written)) == len(written)


@pytest.mark.parametrize("kind", ASKED)
def test_an_answer_agrees_with_itself_and_beats_a_single_other_one(kind: str) -> None:
    asked = question(kind)
    for answer in ASKED[kind][1]:
        assert kind_of(kind).score(asked, ONE, answer, Prediction(answer=answer)).loss == 0
        assert metrics.confusions(asked, [answer], [Prediction(answer=answer)]) == []
        other = next(kind_of(kind).alternatives(asked, ONE, answer))
        assert asked.check(kind_of(kind).agree([answer, other, answer]), ONE) == answer


@pytest.mark.parametrize("kind", ASKED)
def test_what_an_answer_says_is_among_the_values_of_its_question(kind: str) -> None:
    asked, answers = question(kind), ASKED[kind][1]
    assert {label for answer in answers for label in kind_of(kind).labels(asked, answer)} <= set(asked.values)
    strata = kind_of(kind).strata(answers)
    assert len(strata) == len(answers)
    assert len(set(strata)) == 2
    summary = metrics.summary(asked, answers, [Prediction(answer=answer) for answer in answers])
    assert summary["answered"] == 1


@pytest.mark.parametrize("kind", ASKED)
def test_the_part_of_an_answer_that_fits_is_kept(kind: str) -> None:
    asked = question(kind)
    for answer in ASKED[kind][1]:
        assert asked.fitting(answer, ONE) == (answer, [])
        if isinstance(answer, list):
            kept, refused = asked.fitting([*answer, "nobody knows this one"], ONE)
            assert (kept, len(refused)) == (answer or None, 1), "an empty list would say that nothing fits"
    kept, refused = asked.fitting(object(), ONE)
    assert kept is None
    assert len(refused) == 1
