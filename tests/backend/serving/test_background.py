import threading
import time

from labelwheel.backend.serving.follower import Follower
from labelwheel.backend.serving.hint_writer import HintWriter


def until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert condition()


def test_hints_are_written_once_however_often_they_came():
    written = []
    hints = HintWriter(lambda keys: written.append(keys) or time.sleep(0.05))
    for _ in range(1000):
        hints.add(("tool", "1"))
        hints.add(("tool", "2"), frozenset({"a", "b"}))
        hints.add(("tool", "2"), frozenset({"b", "c"}))
        hints.add(("tool", "3"), frozenset({"a"}))
        hints.add(("tool", "3"))
        for example in range(60):
            hints.add(("tool", "4"), frozenset({f"one {example}"}))
            hints.add(("tool", "4"), frozenset({f"other {example}"}))
    hints.start()
    until(lambda: written)
    hints.stop()
    everything = {("tool", "1"): None, ("tool", "2"): frozenset("abc"), ("tool", "3"): None, ("tool", "4"): None}
    assert written == [everything]


def test_hints_wait_for_a_locked_database():
    written, locked = [], threading.Event()
    locked.set()

    def write(keys):
        if locked.is_set():
            raise RuntimeError("database is locked")
        written.append(keys)

    hints = HintWriter(write, pause=0.01)
    hints.start()
    hints.add(("tool", "1"), frozenset("a"))  # whoever adds does not wait: it is unlocked only below
    time.sleep(0.05)
    hints.add(("tool", "1"), frozenset("b"))
    assert not written
    locked.clear()
    until(lambda: {key for found in written for key in found["tool", "1"]} == {"a", "b"})
    hints.stop()


def test_hints_are_bounded():
    hints = HintWriter(lambda keys: None, limit=10)
    for number in range(1000):
        hints.add(("tool", str(number)))
    assert len(hints._waiting) == 10


def test_stopping_writes_what_is_left():
    written = []
    hints = HintWriter(lambda keys: written.extend(keys))
    hints.add(("tool", "1"))
    hints.start()
    hints.stop()
    assert written == [("tool", "1")]


class ServedModels:
    serving: dict[str, str] = {}  # noqa: RUF012
    problems: dict = {}  # noqa: RUF012
    models: dict = {}  # noqa: RUF012
    prepared: dict = {}  # noqa: RUF012
    follows = 0

    def follow(self):
        self.follows += 1
        if self.follows == 3:
            raise RuntimeError("the database is away")
        if self.follows == 2:
            self.serving = {"1": "g1"}


def test_the_follower_reports_changes_at_once_and_survives_trouble():
    reports = []
    served_models = ServedModels()
    follower = Follower(served_models, lambda *report: reports.append(report), follow_seconds=0.01)
    follower.start()
    until(lambda: served_models.follows > 10)
    follower.stop()
    assert [report[0] for report in reports] == [{}, {"1": "g1"}]
    assert reports[0][3] > 1


def test_a_poke_is_answered_at_once():
    served_models = ServedModels()
    follower = Follower(served_models, lambda *report: None, follow_seconds=30)
    follower.start()
    until(lambda: served_models.follows == 1)
    follower.poke()
    until(lambda: served_models.follows == 2)
    follower.stop()
