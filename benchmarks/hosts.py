"""A model of many hosts on one database: where that becomes the limit.

Each host is one web process that answers `rate` requests a second. A request looks at one row of the database; requests
of one process that come while a look is under way share the next, so a process makes at most one look per look's time.
The database has `cores`, each of which does one look at a time: an M/M/c queue (Erlang 1917), whose mean wait grows as
its cores fill. Looks that take longer are fewer, so both are found together. Not in the model: the network, the disk,
writes of the worker, and what connections cost beyond their number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

HOSTS = (1, 2, 4, 10, 20, 50, 100)
FULL = 0.8
"""A database is full where so much of its cores is taken: beyond that every burst is felt."""


LONGEST = 60.0
"""Seconds of a look: nobody waits longer."""


@dataclass(frozen=True)
class Cost:
    """What was measured: seconds of the database's CPU for a request's look, and for one idle process each second.

    `other` is what a request asks of the database anyway; `seconds` is how long a look takes while nobody else looks;
    `connections` what one process holds.
    """

    look: float
    other: float
    idle: float
    seconds: float
    connections: int


@dataclass(frozen=True)
class Point:
    """So many hosts: how full the database is, how long a look takes, how many requests one look serves.

    `milliseconds` and `shared` are None where the database cannot do what is asked of it, however few the looks.
    """

    hosts: int
    busy: float
    milliseconds: float | None
    shared: float | None
    connections: int


def at(hosts: int, rate: float, cost: Cost, cores: int) -> Point:
    """Where a load settles, by halving the interval in which a look's time must lie."""
    low, high = cost.seconds, LONGEST
    if math.isinf(_look_seconds(hosts, rate, high, cost, cores)):
        busy = _busy(hosts, rate, 0.0, cost, cores)
        return Point(hosts, busy, None, None, hosts * cost.connections)
    for _ in range(100):
        middle = math.sqrt(low * high)
        if _look_seconds(hosts, rate, middle, cost, cores) > middle:
            low = middle
        else:
            high = middle
    looks = min(rate, 1.0 / high)
    return Point(hosts, _busy(hosts, rate, looks, cost, cores), high * 1000, rate / looks, hosts * cost.connections)


def limit(rate: float, cost: Cost, cores: int) -> int:
    """The most hosts with which the database is not full."""
    each = rate * (cost.look + cost.other) + cost.idle
    return int(FULL * cores / each) if each > 0 else 10**9


def _busy(hosts: int, rate: float, looks: float, cost: Cost, cores: int) -> float:
    return hosts * (looks * cost.look + rate * cost.other + cost.idle) / cores


def _look_seconds(hosts: int, rate: float, seconds: float, cost: Cost, cores: int) -> float:
    busy = _busy(hosts, rate, min(rate, 1.0 / seconds), cost, cores)
    if busy >= 1.0:
        return math.inf
    offered = busy * cores
    terms = [offered**k / math.factorial(k) for k in range(cores)]
    waiting = offered**cores / math.factorial(cores) / (1.0 - busy)
    wait = waiting / (sum(terms) + waiting) * max(cost.look, 1e-9) / (cores * (1.0 - busy))
    return cost.seconds + wait
