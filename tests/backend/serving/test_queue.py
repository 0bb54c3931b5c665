import threading
import time

import pytest

from labelwheel.backend.errors import Overloaded
from labelwheel.backend.serving.batching import Priority
from labelwheel.backend.serving.queue import LARGE, InferenceQueue
from labelwheel.training.kinds.base import Encoding
from tests.backend.serving.fakes import FakeEngine, FakeModel, question


def rows(count: int, length: int = 3) -> list[Encoding]:
    return [Encoding(place, [1] * length) for place in range(count)]


def soon(seconds: float = 20.0) -> float:
    return time.monotonic() + seconds


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture
def queue(engine):
    queue = InferenceQueue(engine, limit=100, bulk_limit=2)
    yield queue
    queue.close()


def test_every_row_gets_its_own_logits_whatever_the_lengths(engine, queue):
    class Echo(FakeModel):
        def features(self, encodings):
            return [[len(row.input_ids)] for row in encodings]

    lengths = [5, 900, 1, 33, 33, 2] * 20
    encodings = [Encoding(place, [1] * length) for place, length in enumerate(lengths)]
    result = queue.submit(Echo("v1", question(), engine), encodings, Priority.BULK, soon()).result(5)
    assert [row[0] for row in result] == lengths


def test_batches_keep_to_rows_and_tokens(engine, queue):
    engine.batch_rows, engine.batch_tokens = 8, 1000
    model = FakeModel("v1", question(), engine)
    queue.submit(model, rows(20) + rows(5, length=500), Priority.BULK, soon()).result(5)
    sizes = [size for _, size in engine.batches]
    assert sum(sizes) == 25
    assert max(sizes) <= 8
    assert sizes[:2] == [2, 2]  # 500 tokens each: two to a batch


def test_a_row_longer_than_a_batch_goes_alone(engine, queue):
    engine.batch_tokens = 10
    model = FakeModel("v1", question(), engine)
    assert len(queue.submit(model, rows(2, length=50), Priority.BULK, soon()).result(5)) == 2


def test_a_person_waits_for_one_batch_only(engine, queue):
    engine.seconds = 0.02
    bulk, single = FakeModel("bulk1", question(), engine), FakeModel("single2", question(), engine)
    waiting = queue.submit(bulk, rows(32 * 30), Priority.BULK, soon())
    time.sleep(0.05)
    queue.submit(single, rows(1), Priority.INTERACTIVE, soon()).result(5)
    before = [version for version, _ in engine.batches].index("single2")
    assert before <= 5
    assert not waiting.done()
    waiting.result(5)


def test_bulk_work_is_not_starved(engine, queue):
    engine.seconds, engine.polite_tokens, engine.batch_rows = 0.002, 12, 4
    bulk, single = FakeModel("bulk1", question(), engine), FakeModel("single2", question(), engine)
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            queue.submit(single, rows(1), Priority.INTERACTIVE, soon()).result(5)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    while not engine.batches:
        time.sleep(0.001)
    before = len(engine.batches)
    queue.submit(bulk, rows(64), Priority.BULK, soon()).result(20)
    while_it_waited = engine.batches[before:]
    stop.set()
    for thread in threads:
        thread.join()
    tokens = {
        version: sum(size for name, size in while_it_waited if name == version) for version in ("bulk1", "single2")
    }
    assert tokens["single2"] <= 4 * tokens["bulk1"], "bulk work gets about a third"


def test_single_requests_share_a_batch(engine, queue):
    engine.seconds = 0.05
    model = FakeModel("v1", question(), engine)
    futures = [queue.submit(model, rows(1), Priority.INTERACTIVE, soon()) for _ in range(20)]
    for future in futures:
        assert len(future.result(5)) == 1
    assert len(engine.batches) <= 3


def test_bulk_batches_are_small_while_people_ask(engine, queue):
    engine.polite_tokens = 12
    bulk, single = FakeModel("bulk1", question(), engine), FakeModel("single2", question(), engine)
    queue.submit(bulk, rows(60), Priority.BULK, soon()).result(5)
    queue.submit(single, rows(1), Priority.INTERACTIVE, soon()).result(5)
    result = queue.submit(bulk, rows(60), Priority.BULK, soon()).result(5)
    assert len(result) == 60
    before, after = engine.batches[:2], engine.batches[3:]
    assert [size for _, size in before] == [32, 28]
    assert {size for _, size in after} == {4}  # of three tokens each


def test_each_lane_computes_a_batch_of_its_own(engine):
    class Meeting(FakeModel):
        def features(self, encodings):
            both.wait(5)  # raises where the other lane does not come
            return super().features(encodings)

    both = threading.Barrier(2)
    engine.lanes, engine.batch_rows = 2, 4
    queue = InferenceQueue(engine)
    assert len(queue.submit(Meeting("v1", question(), engine), rows(8), Priority.BULK, soon()).result(5)) == 8
    assert [size for _, size in engine.batches] == [4, 4]
    queue.close()


def test_the_last_lane_leaves_its_core_to_others_until_a_crowd_waits(engine):
    class Named(FakeModel):
        def features(self, encodings):
            computing.append(threading.current_thread().name)
            return super().features(encodings)

    computing: list[str] = []
    engine.lanes, engine.batch_rows, engine.batch_tokens, engine.seconds = 2, 16, 100, 0.01
    queue = InferenceQueue(engine)
    model = Named("v1", question(), engine)
    for count, length in ((4, 3), (1, 25)):  # a quarter of a batch by its rows, by its tokens
        for _ in range(10):
            queue.submit(model, rows(count, length), Priority.INTERACTIVE, soon()).result(5)
    assert set(computing) == {"inference-0"}
    for crowd in (rows(40), rows(3, 100)):  # too many rows, too many tokens
        computing.clear()
        queue.submit(model, crowd, Priority.INTERACTIVE, soon()).result(5)
        assert set(computing) == {"inference-0", "inference-1"}
    queue.close()


def test_lanes_lose_and_mix_up_no_row(engine):
    class Echo(FakeModel):
        def features(self, encodings):
            time.sleep(0.0001)
            return [[row.example] for row in encodings]

    engine.lanes, engine.batch_rows = 4, 2
    queue = InferenceQueue(engine)
    model = Echo("v1", question(), engine)
    asked = [queue.submit(model, rows(50), Priority.BULK, soon()) for _ in range(40)]
    for future in asked:
        assert [row[0] for row in future.result(10)] == list(range(50))
    queue.close()


def test_models_do_not_share_a_batch(engine, queue):
    engine.seconds = 0.02
    models = [FakeModel(f"v{number}", question(), engine) for number in (1, 2)]
    futures = [
        (models[turn % 2], queue.submit(models[turn % 2], rows(1), Priority.INTERACTIVE, soon())) for turn in range(20)
    ]
    for model, future in futures:
        assert future.result(5)[0][0] == model.number


def test_a_poisonous_row_costs_the_others_nothing(engine, queue):
    engine.seconds, engine.poison = 0.05, 7
    model = FakeModel("v1", question(), engine)
    queue.submit(model, rows(1), Priority.INTERACTIVE, soon())
    good = [queue.submit(model, rows(1), Priority.INTERACTIVE, soon()) for _ in range(5)]
    bad = queue.submit(model, rows(1, length=7), Priority.INTERACTIVE, soon())
    assert all(len(future.result(5)) == 1 for future in good)
    with pytest.raises(RuntimeError, match="poisonous"):
        bad.result(5)


def test_too_much_is_refused_at_once(queue):
    with queue.admit(90, Priority.BULK):
        with pytest.raises(Overloaded), queue.admit(11, Priority.INTERACTIVE):
            pass
        with queue.admit(10, Priority.INTERACTIVE):
            assert queue.depth == 100
    assert queue.depth == 0


def test_one_large_request_is_taken_when_nothing_waits(queue):
    with queue.admit(1000, Priority.BULK):
        pass


def test_large_requests_leave_threads_for_people(engine):
    queue = InferenceQueue(engine, bulk_limit=2)
    with queue.admit(LARGE + 1, Priority.BULK), queue.admit(LARGE + 1, Priority.BULK):
        with pytest.raises(Overloaded, match="bulk"), queue.admit(LARGE + 1, Priority.BULK):
            pass
        with queue.admit(LARGE, Priority.BULK), queue.admit(1, Priority.INTERACTIVE):
            pass


def test_what_nobody_waits_for_is_not_computed(engine, queue):
    engine.seconds = 0.1
    model, late = FakeModel("v1", question(), engine), FakeModel("late2", question(), engine)
    queue.submit(model, rows(1), Priority.INTERACTIVE, soon())
    future = queue.submit(late, rows(1), Priority.INTERACTIVE, time.monotonic() + 0.01)
    with pytest.raises(Overloaded):
        future.result(5)
    cancelled = queue.submit(late, rows(1), Priority.BULK, soon())
    cancelled.cancel()
    queue.submit(model, rows(1), Priority.BULK, soon()).result(5)
    assert "late2" not in [version for version, _ in engine.batches]
    assert queue.late == 2


def test_the_idle_thread_holds_no_model(engine, queue):
    model = FakeModel("v1", question(), engine)
    queue.submit(model, rows(3), Priority.BULK, soon()).result(5)
    del model
    time.sleep(0.05)
    assert engine.alive == 0


def test_closing_answers_what_waits(engine):
    engine.seconds = 0.2
    queue = InferenceQueue(engine)
    model = FakeModel("v1", question(), engine)
    queue.submit(model, rows(1), Priority.BULK, soon())
    waiting = queue.submit(model, rows(100), Priority.BULK, soon())
    time.sleep(0.05)
    queue.close()
    with pytest.raises(Overloaded):
        waiting.result(1)
    with pytest.raises(Overloaded):
        queue.submit(model, rows(1), Priority.BULK, soon())
