"""Features are kept, bounded, survive a restart, and cost nothing but time where the disk fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from labelwheel.backend.serving.batching import Priority
from labelwheel.backend.serving.cache import AnswerCache
from labelwheel.backend.serving.feature_store import FeatureStore
from labelwheel.backend.serving.predictor import Predictor, ServedQuestion
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.training.kinds.base import Encoding
from tests.backend.serving.fakes import FakeEngine, FakeModel, example, question


def rows(*numbers: int) -> list[Encoding]:
    return [Encoding(place, [101, number, 102]) for place, number in enumerate(numbers)]


def features(*numbers: int, width: int = 16) -> list[np.ndarray]:
    return [np.full(width, number, dtype=np.float32) for number in numbers]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_was_kept_is_there_after_a_restart_for_its_encoder_alone(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "features", 10)
    store.open()
    assert store.get("a", rows(1, 2)) == [None, None]
    store.put("a", rows(1, 2), features(1, 2))
    store.close()
    again = FeatureStore(tmp_path / "features", 10)
    again.open()
    found = again.get("a", rows(2, 3, 1))
    assert found[0] is not None
    assert found[2] is not None
    assert (found[0][0], found[1], found[2][0]) == (2, None, 1)
    assert again.get("b", rows(1)) == [None]
    again.close()


def test_it_stays_bounded_and_the_oldest_go(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "features", 8)
    store.open()
    for start in range(0, 16000, 100):
        numbers = range(start, start + 100)
        until(lambda: store._queue.qsize() < 100)
        store.put("a", rows(*numbers), features(*numbers, width=384))
    store.close()
    size = sum(path.stat().st_size for path in (tmp_path / "features").iterdir() if path.name != "lock.mdb")
    assert size <= 8.1e6
    again = FeatureStore(tmp_path / "features", 8)
    again.open()
    assert again.get("a", rows(15999))[0] is not None
    assert again.get("a", rows(0)) == [None]
    again.close()


def test_a_broken_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "data.mdb").write_bytes(b"no database" * 5000)
    store = FeatureStore(tmp_path / "features", 10)
    store.open()
    store.put("a", rows(1), features(1))
    until(lambda: store.get("a", rows(1))[0] is not None)
    store.close()


def test_without_a_disk_nothing_is_kept_and_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "features").write_text("a file where the folder should be")
    store = FeatureStore(tmp_path / "features" / "below", 10)
    store.open()
    store.put("a", rows(1), features(1))
    assert store.get("a", rows(1)) == [None]
    store.close()


def test_a_text_is_computed_once_for_all_heads(tmp_path: Path) -> None:
    engine = FakeEngine()
    queue, store = InferenceQueue(engine), FeatureStore(tmp_path / "features", 10)
    store.open()
    try:
        members = {"mood": ServedQuestion(question(), FakeModel("v7", question(), engine))}
        first = Predictor(queue, AnswerCache(), store=store)
        [one] = first.suggest(members, [example("hello there")], Priority.INTERACTIVE)
        until(lambda: store.get("fake", [Encoding(0, [1, 1])])[0] is not None)
        # without the cache of answers, as a newer head is
        [other, _] = Predictor(queue, AnswerCache(), store=store).suggest(
            members, [example("hello there"), example("a longer text than that")]
        )
        assert one == other
        assert [count for _, count in engine.batches] == [1, 1]
    finally:
        queue.close()
        store.close()
