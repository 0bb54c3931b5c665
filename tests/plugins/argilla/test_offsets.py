"""Offsets in UTF-16 units and in code points."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labelwheel.plugins.argilla.offsets import Offsets

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(TEXTS)
def test_units_are_what_javascript_counts_and_lead_back(text: str) -> None:
    offsets = Offsets(text)
    for point in range(len(text) + 1):
        assert offsets.units(point) == len(text[:point].encode("utf-16-le")) // 2
        assert offsets.point(offsets.units(point)) == point


def test_what_is_no_place_in_the_text_is_none() -> None:
    offsets = Offsets("a😀b")
    assert [offsets.point(unit) for unit in range(6)] == [0, 1, None, 2, 3, None]
    assert [Offsets("abc").point(unit) for unit in (-1, 3, 4, "1", True, None, 1.0)] == [None, 3, *[None] * 5]
