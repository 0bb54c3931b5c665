"""A challenger that is better for most and worse on a slice that people named does not pass, and is told why."""

import pytest

from labelwheel.training.evaluation.comparison import compare
from labelwheel.training.spec import NamedSlice, Pair, Unit

MOBILE = NamedSlice(name="source", value="mobile")


def pairs(*counts):
    """Pairs from (how many, source, champion's loss, challenger's loss)."""
    rows = [row for count, *row in counts for _ in range(count)]
    return [
        Pair(
            key=str(number),
            group=str(number),
            held_out=True,
            champion_loss=old,
            challenger_loss=new,
            champion={"a": Unit(true_positives=1 - old, false_negatives=old)},
            challenger={"a": Unit(true_positives=1 - new, false_negatives=new)},
            slices={"source": source, "length": "40 to 159"},
        )
        for number, (source, old, new) in enumerate(rows)
    ]


LEFT = pairs((100, "web", 0, 0), (60, "web", 1, 0), (8, "mobile", 0, 0), (12, "mobile", 0, 1))


def test_better_overall_and_a_named_slice_left_behind():
    assert compare(LEFT).verdict == "better"
    found = compare(LEFT, slices=[MOBILE])
    assert found.verdict == "worse"
    assert not found.passes
    assert found.difference > 0.2
    assert "it leaves behind 'source=mobile', which LABELWHEEL_SLICES names" in found.reason
    assert "'source=mobile': 1.00 to 0.40 on 20 examples" in found.reason
    (change,) = found.slices
    assert (change.examples, change.groups, change.left_behind) == (20, 20, True)
    assert change.change == pytest.approx(-0.6)
    assert change.high < 0


def test_a_named_slice_that_keeps_up_stops_nobody():
    found = compare(LEFT, slices=[NamedSlice(name="source", value="web"), NamedSlice(name="length", value="40 to 159")])
    assert found.passes
    assert [change.left_behind for change in found.slices] == [False, False]
    assert "'source=web': 0.62 to 1.00 on 160 examples" in found.reason


def test_a_fall_within_the_floor_or_within_chance_stops_nobody():
    assert compare(LEFT, slices=[MOBILE], floor=0.7).passes
    rows = pairs((100, "web", 0, 0), (60, "web", 1, 0), (14, "mobile", 0, 0), (2, "mobile", 1, 0), (5, "mobile", 0, 1))
    found = compare(rows, slices=[MOBILE])
    assert found.slices[0].change < -0.1
    assert found.slices[0].high >= 0
    assert found.passes


def test_four_examples_decide_nothing_and_none_is_said():
    rows = pairs((100, "web", 0, 0), (60, "web", 1, 0), (4, "mobile", 0, 1))
    found = compare(rows, slices=[MOBILE, NamedSlice(name="source", value="fax")])
    assert found.passes
    assert [change.examples for change in found.slices] == [4, 0]
    assert "'source=fax': no example was measured." in found.reason


def test_copies_of_one_text_are_one():
    rows = [pair.model_copy(update={"group": "copies"}) if pair.challenger_loss else pair for pair in LEFT]
    assert compare(rows, slices=[MOBILE]).passes


def test_a_range_of_numbers_is_left_behind_like_a_value():
    rows = [pair.model_copy(update={"slices": {"price": str(place)}}) for place, pair in enumerate(LEFT)]
    found = compare(rows, slices=[NamedSlice(name="price", value="160 and more")])
    assert "it leaves behind 'price=160 and more'" in found.reason
    assert found.slices[0].examples == 20
