"""kill -9 of the worker between any two transactions: the next one ends at the same place."""

from __future__ import annotations

import pytest

from tests.backend.world import Killed, World

TRANSACTIONS = 45  # a run without a kill makes hardly more


def play(world: World) -> None:
    """Connect, label, learn, swap and show, with a restart whenever the worker dies."""
    world.tool.add("one text", "another text", "a third one")
    world.connect()
    labelled = False
    for _ in range(150):
        try:
            if world.settled and not labelled:
                world.label(4)
                world.tool.delete(next(iter(world.tool.work)))
                world.label(1)
                labelled = True
            elif world.settled and len(world.checkpoints) == 2:
                return
            world.turn()
        except Killed:
            world.start()
    raise AssertionError(f"it never came to an end: {world.decisions}")


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("count", range(1, TRANSACTIONS, 7))
def test_a_killed_worker_loses_nothing_and_does_nothing_twice(world: World, count: int, committed: bool) -> None:
    # four kills in one life: at this transaction, and each time the next worker comes as far
    world.kill_at(count, committed)
    begin = world.start
    lives = iter((count + 1, count + 2, count + 3))

    def start() -> None:
        begin()
        following = next(lives, None)
        if following is not None:
            world.kill_at(following, committed)

    world.start = start  # type: ignore[method-assign]
    play(world)
    assert [row.recipe for row in world.checkpoints] == ["names", "auto"]
    assert [found.state for found in world.rounds] == ["promoted", "promoted"]
    # killed between starting a job and noting so, it starts the job anew, and says so
    story = " ".join(world.kinds()).replace(" queued again started", "")
    assert story == "ordered started promoted ordered started promoted"
    assert world.kinds(None) == ["connected"]
    assert world.checkpoints[-1].label_count == 4
    assert world.tool.announced[-1] == world.generation
    assert sum(not job.cancelled for job in world.launcher.jobs.values()) >= 2


def test_a_run_is_shorter_than_the_kills_that_are_tried(world: World) -> None:
    world.kill_at(1000, True)
    play(world)
    assert world.hold.left is not None
    assert 1000 - world.hold.left >= TRANSACTIONS - 15
