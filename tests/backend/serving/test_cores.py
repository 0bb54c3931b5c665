"""Threads that answer keep off the last core, threads that compute do not."""

import os
import threading

import pytest

from labelwheel.backend.serving import cores

ALL = frozenset(range(8))


@pytest.fixture
def allowed(monkeypatch):
    """What each thread was restricted to, the last word of each."""
    found = {}
    monkeypatch.setattr(cores, "_ALL", ALL)
    setter = lambda _, chosen: found.update({threading.current_thread().name: frozenset(chosen)})  # noqa: E731
    monkeypatch.setattr(os, "sched_setaffinity", setter, raising=False)
    return found


def test_one_core_is_left(allowed):
    cores.leave_one()
    assert allowed == {threading.current_thread().name: ALL - {7}}
    assert cores.available() == 8


def test_a_thread_may_take_all_again(allowed):
    cores.leave_one()
    cores.take_all()
    assert set(allowed.values()) == {ALL}


def test_the_only_core_is_for_everything(allowed, monkeypatch):
    monkeypatch.setattr(cores, "_ALL", frozenset({3}))
    cores.leave_one()
    assert allowed == {}


def test_systems_without_such_calls_are_left_alone(allowed, monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity")
    cores.leave_one()
    cores.take_all()
    assert allowed == {}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no such call")
def test_threads_inherit_it():
    if cores.available() < 2:
        pytest.skip("one core is all there is")
    seen = []

    def begin():
        cores.leave_one()
        for body in (lambda: None, cores.take_all):
            thread = threading.Thread(target=lambda body=body: (body(), seen.append(len(os.sched_getaffinity(0)))))
            thread.start()
            thread.join()

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()
    assert seen == [cores.available() - 1, cores.available()]
