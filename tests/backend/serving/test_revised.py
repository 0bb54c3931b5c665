"""Revisions: newer heads are served under their own name, whole or not at all, and a generation without them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labelwheel.training.heads.blend import Counts
from labelwheel.training.heads.linear import LinearHead
from labelwheel.training.heads.standing import Standing
from tests.backend.serving.fakes import LABELS, FakeEngine, example
from tests.backend.serving.test_models import World


def head(answer: str) -> bytes:
    bias = np.where(np.array(LABELS) == answer, 9.0, 0.0).astype(np.float32)
    zero = np.zeros((3, 3), dtype=np.float32)
    counts = Counts(np.ones(3, dtype=np.int64))
    return LinearHead("choice", LABELS, Standing(LABELS, {}, 3), zero[:1], zero, bias, counts).dump()


@pytest.fixture
def world(tmp_path: Path):
    world = World(tmp_path)
    world.want("lw-1-0001-abcdef", mood="v1", tone="v2")
    world.served_models.follow()
    yield world
    world.queue.close()


def revise(world: World, number: int, **heads: bytes) -> None:
    found = {name: (f"head-{name}-{number}", content) for name, content in heads.items()}
    world.wanted[1] = replace(world.wanted[1], version=f"lw-1-0001-abcdef.{number}", heads=found)
    world.served_models.follow()


def test_a_newer_head_answers_and_the_others_stay(world: World) -> None:
    loads = list(world.engine.loads)
    revise(world, 1, mood=head("bad"))
    [found] = world.host.suggest("tool", "p1", [example()])
    assert found.version == world.host.version("tool", "p1") == "lw-1-0001-abcdef.1"
    assert {name: one.answer for name, one in found.predictions.items()} == {"mood": "bad", "tone": "good"}
    # it is the same generation, of the same checkpoints
    assert world.served_models.serving == {"1": "lw-1-0001-abcdef"}
    assert world.engine.loads == loads
    revise(world, 2, mood=head("so-so"), tone=head("bad"))
    [found] = world.host.suggest("tool", "p1", [example()])
    assert {name: one.answer for name, one in found.predictions.items()} == {"mood": "so-so", "tone": "bad"}


def test_the_generation_itself_can_be_asked_for(world: World) -> None:
    revise(world, 1, mood=head("bad"))
    served = world.served_models.served("tool", "p1")
    [found] = world.host.suggest_with(served, [example()], revised=False)
    assert (found.version, found.predictions["mood"].answer) == ("lw-1-0001-abcdef", "good")


def test_a_label_costs_no_pass_through_the_encoder(world: World) -> None:
    revise(world, 1, mood=head("bad"))
    computed = list(world.engine.batches)
    revise(world, 2, mood=head("so-so"))
    assert world.host.version("tool", "p1") == "lw-1-0001-abcdef.2"
    assert world.engine.batches == computed
    # it is tried all the same
    revise(world, 3, mood=head("bad").replace(np.float32(9.0).tobytes(), np.float32(np.nan).tobytes()))
    assert world.host.version("tool", "p1") == "lw-1-0001-abcdef"
    # and another checkpoint's encoder gives something else
    world.want("lw-1-0002-abcdef", mood="v3", tone="v2")
    world.served_models.follow()
    computed = list(world.engine.batches)
    world.wanted[1] = replace(
        world.wanted[1], version="lw-1-0002-abcdef.1", heads={"mood": ("head-mood-4", head("bad"))}
    )
    world.served_models.follow()
    assert world.host.version("tool", "p1") == "lw-1-0002-abcdef.1"
    assert world.engine.batches[len(computed) :] == [("v3", 2)]


@pytest.mark.parametrize("broken", [b"", b"\x00" * 100])
def test_a_revision_that_cannot_be_read_is_served_as_the_generation(world: World, broken: bytes) -> None:
    revise(world, 1, mood=head("bad"), tone=broken)
    [found] = world.host.suggest("tool", "p1", [example()])
    assert found.version == "lw-1-0001-abcdef"
    assert {one.answer for one in found.predictions.values()} == {"good"}


def test_a_champion_that_keeps_its_layers_to_itself_is_served_as_it_is(tmp_path: Path) -> None:
    world = World(tmp_path, FakeEngine(layered=False))
    try:
        world.want("lw-1-0001-abcdef", mood="v1")
        revise(world, 1, mood=head("bad"))
        assert world.host.version("tool", "p1") == "lw-1-0001-abcdef"
    finally:
        world.queue.close()
