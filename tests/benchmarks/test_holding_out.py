"""Which labelled texts would teach if less was held out once enough is."""

from __future__ import annotations

from benchmarks.holding_out import KEPT, NEVER, sides
from labelwheel.training.evaluation.splits import Placement, side
from labelwheel.training.spec import Part

SALT = "s"


def groups(kept: bool, count: int) -> list[Placement]:
    """Groups that a fifth holds out, and that the smaller share does too, or does not."""
    names = (f"g{number}" for number in range(100_000))
    held_out = (name for name in names if side(name, salt=SALT) is Part.HELD_OUT)
    wanted = Part.HELD_OUT if kept else Part.TRAIN
    found = (Placement(name, Part.HELD_OUT) for name in held_out if side(name, salt=SALT, share=KEPT) is wanted)
    return [next(found) for _ in range(count)]


def test_nothing_changes_its_side_before_enough_is_measured():
    spared = groups(kept=False, count=4)
    placements = [spared[0], Placement("t", Part.TRAIN), *spared[1:]]
    assert sides(range(5), placements, NEVER, SALT) == ([1], [0, 2, 3, 4])
    assert sides(range(5), placements, 3, SALT) == ([1, 4], [0, 2, 3])


def test_copies_count_once_towards_enough_and_stay_with_what_was_labelled_first():
    first, second, third = groups(kept=False, count=3)
    placements = [first, first, second, first, third, third]
    assert sides(range(6), placements, 2, SALT) == ([4, 5], [0, 1, 2, 3])


def test_the_smaller_share_is_still_held_out_and_what_is_apart_does_neither():
    placements = [*groups(kept=True, count=2), Placement("apart-x", Part.APART)]
    assert sides(range(3), placements, 0, SALT) == ([], [0, 1])
