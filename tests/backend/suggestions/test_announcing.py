"""What a labelling tool was told, it may lose: it is told again."""

from __future__ import annotations

import pytest

from labelwheel.backend.suggestions import announcing


def test_a_tool_that_lost_the_version_is_told_again(world, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "AGAIN_SECONDS", 0.0)
    world.connect()
    world.settle()
    world.tool.announced[-1] = "what a stale write brought back"
    world.until(lambda: world.tool.announced[-1] == world.generation)


def test_nothing_is_repeated_for_a_version_that_is_not_served(world, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "AGAIN_SECONDS", 0.0)
    world.connect()
    world.settle()
    world.web.up = False
    told = len(world.tool.announced)
    world.label(4)
    world.until(lambda: len(world.checkpoints) == 2)
    world.turns(5)
    assert set(world.tool.announced[told:]) <= {world.tool.announced[told - 1]}
    assert world.generation not in world.tool.announced
