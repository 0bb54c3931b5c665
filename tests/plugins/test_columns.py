"""What slices can be named by comes along as text, and nothing else does."""

import math
from typing import Any

import pytest

from labelwheel.plugins.columns import LONGEST, columns


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" mobile ", "mobile"),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (5.0, "5"),
        (-0.25, "-0.25"),
        ("x" * LONGEST, "x" * LONGEST),
        ("a\0b\ud800", "a\ufffdb\ufffd"),
    ],
)
def test_short_single_values_come_along(value: Any, text: str) -> None:
    assert columns({"name": value}) == {"name": text}


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "  ",
        [],
        ["mobile"],
        {"a": 1},
        "x" * (LONGEST + 1),
        math.nan,
        math.inf,
        pytest.param(10**9999, id="huge"),
        1e200,
    ],
)
def test_anything_else_is_left_out(value: Any) -> None:
    assert columns({"name": value, "source": "web"}) == {"source": "web"}


@pytest.mark.parametrize("values", [None, [], "source", 3])
def test_what_is_no_object_has_no_columns(values: Any) -> None:
    assert columns(values) == {}


def test_names_are_as_they_can_be_kept_and_some_are_left_out() -> None:
    assert columns({"a": 1, "b": 2, "": 3, "n" * 256: 4, "c\0": 5, "labelwheel_rank": 6}, without={"b"}) == {
        "a": "1",
        "c\ufffd": "5",
    }
