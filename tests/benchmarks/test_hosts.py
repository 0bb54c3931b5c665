"""The model of many hosts against what queueing theory has in closed form."""

from __future__ import annotations

import pytest

from benchmarks import hosts


def cost(**more: float) -> hosts.Cost:
    found = {"look": 0.001, "other": 0.0, "idle": 0.0, "seconds": 0.001} | more
    return hosts.Cost(**found, connections=10)  # type: ignore[arg-type]


def test_one_core_waits_as_an_m_m_1_queue() -> None:
    """Its mean time is 1 / (service rate - arrivals): 1 / (1000 - 500) seconds."""
    found = hosts.at(10, 50.0, cost(), 1)
    assert found.busy == pytest.approx(0.5)
    assert found.milliseconds == pytest.approx(2.0, rel=1e-6)
    assert (found.shared, found.connections) == (1.0, 100)


def test_two_cores_wait_as_erlang_has_it() -> None:
    """For c = 2 the wait is r² / (1 - r²) services, where each core is taken for r of the time."""
    found = hosts.at(10, 100.0, cost(), 2)
    assert found.milliseconds == pytest.approx(1.0 + 0.25 / 0.75, rel=1e-6)


def test_looks_are_shared_where_they_take_long() -> None:
    found = hosts.at(100, 50.0, cost(), 1)
    assert found.milliseconds is not None
    assert found.shared is not None
    assert found.shared == pytest.approx(50.0 * found.milliseconds / 1000, rel=1e-3)
    assert found.shared > 1
    assert 0.9 < found.busy < 1.0


def test_what_is_too_much_without_any_look_is_told() -> None:
    found = hosts.at(100, 50.0, cost(other=0.001), 1)
    assert (found.milliseconds, found.shared) == (None, None)
    assert found.busy > 1


def test_the_limit_leaves_a_fifth() -> None:
    assert hosts.limit(50.0, cost(), 4) == 64
    assert hosts.limit(50.0, cost(idle=0.05), 4) == 32
