"""The fast lane from the ledger to what is served: a label brings a revision, and what fails costs no other."""

from __future__ import annotations

import os
import sys
import threading
import time
import zlib
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from labelwheel.backend.database.tables import HeadRow, Revision
from labelwheel.backend.errors import ServiceUnreachable
from labelwheel.backend.projects import champion_groups, generations, projects
from labelwheel.backend.revisions import publication
from labelwheel.backend.revisions.fast_lane import FastLane
from labelwheel.backend.revisions.features import Champion, pack_features
from labelwheel.training.heads import files
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Question
from tests.backend.world import World

WIDTH = 8
LABELS = ("sport", "politics")


class Source:
    """A web process whose encoder hears what a text is about, and whose champion always says sport."""

    def __init__(self, world: World) -> None:
        self._world, self.up, self.asked = world, True, 0

    def features(self, number: int, question: str, examples: list[dict[str, Any]]) -> bytes:
        if not self.up:
            raise ServiceUnreachable("nobody there")
        self.asked += len(examples)
        with self._world.database.session() as session:
            row = projects.question(session, number, question)
            champion = champion_groups.checkpoints(session, row)[0]
        rows, logits = [], []
        for each in examples:
            text = each["fields"]["text"]
            noise = np.random.default_rng(zlib.crc32(text.encode())).normal(size=4 * WIDTH)
            signal = np.full(4 * WIDTH, 3.0) * (1 if "politics" in text else -1) * np.resize([1, -1], 4 * WIDTH)
            rows.append((noise + signal).astype(np.float32))
            logits.append(np.array([1.0, 0.0], dtype=np.float32))
        encodings = [Encoding(place, ()) for place in range(len(examples))]
        return pack_features(Champion(champion.version, "tuned", LABELS, {}, WIDTH), encodings, rows, logits)


@pytest.fixture
def served(world: World) -> World:
    """Forty texts, and the label names that answer them; no round begins by itself."""
    world.settings = world.settings.model_copy(update={"first_round": 1000})
    world.tool.add(*(f"{LABELS[each % 2]} it is that number {each} tells of" for each in range(40)))
    world.connect()
    world.settle()
    return world


def test_free_words_have_no_lane(served: World) -> None:
    spec = Question(name="topic", kind="text", inputs=("text",), maximum=1).model_dump(mode="json")
    lane = FastLane(served.hold, 1, Source(served))
    with served.database.session() as session:
        project = projects.get(session, 1)
        lane._follow(session, project)
    assert len(lane._lanes) == 1
    with served.database.transaction() as tx:
        projects.question(tx, 1, "topic").spec = spec
    with served.database.session() as session:
        lane._follow(session, projects.get(session, 1))
    assert lane._lanes == {}
    lane.close()


def label(world: World, keys: list[str]) -> None:
    for key in keys:
        text = world.tool.examples[key].fields["text"]
        world.tool.submit(key, {"topic": "politics" if "politics" in text else "sport"})


def revision(world: World) -> Revision | None:
    with world.database.session() as session:
        return generations.revision(session, projects.get(session, 1))


def until(lane: FastLane, world: World, done: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, world.decisions[-3:]
        if lane.step():
            time.sleep(0.02)


def test_labels_bring_a_revision_and_each_further_one_another(served: World) -> None:
    world, lane = served, FastLane(served.hold, 1, Source(served))
    keys = list(world.tool.examples)
    world.turns(3)
    assert lane.step() > 0
    assert revision(world) is None
    label(world, keys[:20])
    world.turns(8)
    until(lane, world, lambda: revision(world) is not None)
    found = revision(world)
    assert found is not None
    assert found.name.startswith(f"{world.generation}.")
    assert "revised" in world.kinds()
    with world.database.session() as session:
        row = session.get_one(HeadRow, found.members["topic"])
        assert row.champion_id == projects.question(session, 1, "topic").champion_id
    head = files.load(row.content)
    texts = [{"key": "1", "fields": {"text": "something of politics"}}, {"key": "2", "fields": {"text": "of sport"}}]
    from labelwheel.backend.revisions.features import unpack_features

    said = unpack_features(Source(world).features(1, "topic", texts))
    values = head.values(said.features, said.logits)
    assert [LABELS[int(np.argmax(one))] for one in values] == ["politics", "sport"]
    for key in keys[20:24]:
        before = revision(world)
        assert before is not None
        label(world, [key])
        world.turns(4)
        until(lane, world, lambda before=before: (revision(world) or before).name != before.name)
    assert world.kinds().count("revised") == 1
    with world.database.session() as session:
        assert len(session.scalars(select(HeadRow)).all()) <= publication.KEPT
        assert len(session.scalars(select(Revision)).all()) == 1
    lane.close()


def test_what_is_shown_next_is_of_the_revision_and_the_backfill_stays_the_generations(served: World) -> None:
    world, lane = served, FastLane(served.hold, 1, Source(served))
    label(world, list(world.tool.examples)[:20])
    world.turns(8)
    until(lane, world, lambda: revision(world) is not None)
    found = revision(world)
    assert found is not None
    world.until(lambda: found.name in {one.version for one in world.tool.shown.values()})
    labelled = {work.example for work in world.tool.work.values()}
    assert {world.tool.shown[key].version for key in world.tool.examples if key not in labelled} == {found.name}
    # the tool is told nothing, for it is the same generation
    assert world.tool.announced[-1] == world.generation
    lane.close()


def test_a_new_champion_ends_the_revision(served: World) -> None:
    world, lane = served, FastLane(served.hold, 1, Source(served))
    label(world, list(world.tool.examples)[:20])
    world.turns(8)
    until(lane, world, lambda: revision(world) is not None)
    before = world.generation
    world.order()
    world.until(lambda: world.generation != before)
    assert revision(world) is None
    lane.close()


def test_labels_that_are_taken_back_take_the_revision_with_them(served: World) -> None:
    world, lane = served, FastLane(served.hold, 1, Source(served))
    label(world, list(world.tool.examples)[:20])
    world.turns(8)
    until(lane, world, lambda: revision(world) is not None)
    for work in list(world.tool.work):
        world.tool.delete(work)
    world.settings = world.settings.model_copy(update={"sweep_minutes": 0.0})
    world.loops.clear()
    with world.database.transaction() as tx:
        projects.get(tx, 1).want_sweep()
    world.turns(12)
    until(lane, world, lambda: revision(world) is None)
    assert world.kinds()[-1] == "revision withdrawn"
    lane.close()


def test_without_the_web_process_it_waits(served: World) -> None:
    world, source = served, Source(served)
    lane = FastLane(world.hold, 1, source)
    label(world, list(world.tool.examples)[:20])
    world.turns(8)
    source.up = False
    assert lane.step() > 0
    assert revision(world) is None
    source.up = True
    until(lane, world, lambda: revision(world) is not None)
    lane.close()


def test_a_publication_that_fails_leaves_nothing_half(served: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world, lane = served, FastLane(served.hold, 1, Source(served))
    label(world, list(world.tool.examples)[:20])
    world.turns(8)
    real = publication._tell

    def tell(*_: Any) -> None:
        raise RuntimeError("the last statement fails")

    monkeypatch.setattr(publication, "_tell", tell)
    with pytest.raises(RuntimeError):
        until(lane, world, lambda: False)
    with world.database.session() as session:
        assert session.scalars(select(HeadRow)).all() == []
    assert revision(world) is None
    monkeypatch.setattr(publication, "_tell", real)
    label(world, list(world.tool.examples)[20:21])
    world.turns(4)
    until(lane, world, lambda: revision(world) is not None)
    assert "revised" in world.kinds()
    lane.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_measuring_gives_way_to_following(world: World) -> None:
    lane = FastLane(world.hold, 1, Source(world))
    try:
        measuring = lane._threads.measuring.submit(
            lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        ).result()
        own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        assert measuring > own or own == measuring == 19  # there is nothing below it
    finally:
        lane.close()
