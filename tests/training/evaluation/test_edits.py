"""Edits of a text: where each range of it went."""

from __future__ import annotations

import random

import pytest

from labelwheel.training.evaluation.edits import Edit, Edited


@pytest.mark.parametrize(
    ("edits", "text", "range_after"),
    [
        ([Edit(0, 0, "  ")], "  fly to Oslo now", (9, 13)),
        ([Edit(7, 7, "the ")], "fly to the Oslo now", (11, 15)),  # before it: outside
        ([Edit(11, 11, " city")], "fly to Oslo city now", (7, 11)),  # after it: outside
        ([Edit(9, 9, "-")], "fly to Os-lo now", (7, 12)),  # within it
        ([Edit(7, 11, "Hammerfest")], "fly to Hammerfest now", (7, 17)),
        ([Edit(7, 11, "OSLO")], "fly to OSLO now", (7, 11)),
        ([Edit(4, 9, "*")], "fly *lo now", (4, 7)),  # across its beginning: all of it
        ([Edit(9, 15, "!!!")], "fly to Os!!!", (7, 12)),
        ([Edit(0, 3, "go"), Edit(7, 11, "Rome")], "go to Rome now", (6, 10)),
        ([Edit(6, 8, "xy")], "fly toxyslo now", (7, 11)),  # as long as before: character by character
    ],
)
def test_ranges_move_with_the_text(edits: list[Edit], text: str, range_after: tuple[int, int]) -> None:
    edited = Edited.of("fly to Oslo now", edits)
    assert edited.text == text
    assert edited.moved(7, 11) == range_after


def test_edits_that_overlap_or_change_nothing_are_left_out() -> None:
    edited = Edited.of("one two", [Edit(4, 7, "2"), Edit(0, 3, "1"), Edit(1, 5, "?"), Edit(3, 4, " ")])
    assert edited.text == "1 2"
    assert list(edited.edits) == [Edit(0, 3, "1"), Edit(4, 7, "2")]


def test_what_is_not_touched_reads_as_before_whatever_is_edited_around_it() -> None:
    draw = random.Random(5)
    text = "".join(chr(97 + place % 26) for place in range(60))
    for _ in range(300):
        places = sorted(draw.sample(range(61), 6))
        edits = [
            Edit(start, end, "#" * draw.randint(0, 4)) for start, end in zip(places[::2], places[1::2], strict=True)
        ]
        edited = Edited.of(text, edits)
        start = draw.randrange(60)
        end = draw.randint(start + 1, 60)
        if any(edit.start < end and start < edit.end for edit in edited.edits):
            continue
        low, high = edited.moved(start, end)
        assert edited.text[low:high] == text[start:end]
