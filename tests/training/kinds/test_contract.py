"""What holds for every kind of question that comes along: the suite that other packages hold theirs against."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.training.kinds import names
from labelwheel.training.questions import PATH_SEPARATOR, Example, Kind, Option, Question
from labelwheel.training.testing.kinds import Case, KindConformance

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
    "text": ({"maximum": 1}, ["Ada meets Bob", "Two people met in a city"]),
}


def test_each_kind_that_comes_along_has_a_name_and_an_example_here() -> None:
    assert [str(kind) for kind in Kind] == list(ASKED)
    assert set(ASKED) <= set(names())


class TestEachKind(KindConformance):
    @pytest.fixture(params=ASKED)
    def case(self, request: pytest.FixtureRequest) -> Case:
        fields, answers = ASKED[request.param]
        return Case(Question(**{"name": "q", "kind": request.param, "inputs": ("text",), **fields}), answers, ONE)
