"""Which of several engines is soonest with a graph, measured on this very processor with texts as long as a project's.

What was found is kept in a file, for a processor and a graph: all processes of a machine choose alike, and only once.
"""

from __future__ import annotations

import fcntl
import json
import logging
import math
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from labelwheel.training.errors import LabelwheelError
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.onnx_export.session import GraphSession

log = logging.getLogger(__name__)

SECONDS, _ROUNDS = 1.0, 3
"""So long is measured, and so many rounds in any case."""

AHEAD = 0.95
"""Another engine takes at most so much of the first one's time, or the first one stays."""

USUAL = (6, 9, 12, 20, 40)
"""Tokens, where a checkpoint does not say how long its texts are."""

_ROWS, _TOKENS, _KEPT = 32, 512, 100
_LIBRARIES = ("onnxruntime", "openvino")


class Times(NamedTuple):
    """Milliseconds for one text, as somebody waits for it, and for a text in a batch; on one core."""

    single: float
    batched: float


class Trial(NamedTuple):
    """The engine that is soonest, and what each of them took."""

    engine: str
    times: Mapping[str, Times]

    @property
    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"engine": self.engine, "milliseconds": {name: each._asdict() for name, each in self.times.items()}}

    @classmethod
    def read(cls, found: Any) -> Trial | None:
        """What `told` wrote; None for anything else, as a file may hold what another version wrote."""
        try:
            times = {str(name): Times(**each) for name, each in found["milliseconds"].items()}
            return cls(str(found["engine"]), times) if found["engine"] in times else None
        except (TypeError, KeyError, AttributeError):
            return None


class Trials:
    """Chooses among engines; what it found is in `file`, or forgotten with the process where there is none."""

    def __init__(self, file: Path | None = None, seconds: float = SECONDS) -> None:
        self._file, self._seconds = file, seconds

    def choose(
        self, graph: str, lengths: Sequence[int], ways: Mapping[str, Callable[[], GraphSession]]
    ) -> tuple[GraphSession, Trial | None]:
        """The session of the engine that is soonest, and what was measured; of a single way, that way unmeasured.

        The first of `ways` is what is usual: what it raises is raised, another that raises is left out.
        """
        first = next(iter(ways))
        if len(ways) == 1:
            return ways[first](), None
        lengths = tuple(lengths) or USUAL
        key = f"{graph} {' '.join(map(str, lengths))} {', '.join(ways)}"
        with self._locked():
            found = self._kept().get(key)
            if found is not None and found.engine in ways:
                with _left_out(found.engine, raises=found.engine == first):
                    return ways[found.engine](), found
            sessions = {first: ways[first]()}
            for name, make in ways.items():
                if name != first:
                    with _left_out(name):
                        sessions[name] = make()
            if len(sessions) == 1:
                return sessions[first], None
            found = soonest(measure(sessions, lengths, self._seconds), first)
            log.info("%s computes graph %.12s: %s", found.engine, graph, found.told["milliseconds"])
            self._keep(key, found)
        return sessions[found.engine], found

    def _kept(self) -> dict[str, Trial]:
        """Of this processor and these releases."""
        there = {key: Trial.read(each) for key, each in self._read().get(processor(), {}).items()}
        return {key: each for key, each in there.items() if each is not None}

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._file is None:
            return {}
        try:
            found = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        whole = isinstance(found, dict) and all(isinstance(each, dict) for each in found.values())
        return found if whole else {}

    def _keep(self, key: str, found: Trial) -> None:
        if self._file is None:
            return
        there = self._read()
        own = {**there.get(processor(), {}), key: found.told}
        there[processor()] = dict(list(own.items())[-_KEPT:])
        scratch = self._file.with_suffix(f".{os.getpid()}")
        try:
            scratch.write_text(json.dumps(there, indent=1), "utf-8")
            scratch.replace(self._file)
        except OSError as error:  # such as a folder that may only be read: it is measured again next time
            scratch.unlink(missing_ok=True)
            log.info("which engine is soonest cannot be kept: %s", error)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Whoever comes second finds what the first one measured."""
        if self._file is None:
            yield
            return
        try:
            lock = self._file.with_suffix(".lock").open("a")
        except OSError:
            yield
            return
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def measure(sessions: Mapping[str, GraphSession], lengths: Sequence[int], seconds: float = SECONDS) -> dict[str, Times]:
    """Each in turn on the same rows, round after round, the first of `sessions` as a yardstick for the others.

    What another takes is its median share of what the first one took a moment before or after, so that what else the
    machine does falls on both. No two batches have the same shape but by chance, as is so where people ask: an engine
    that prepares itself for a shape is measured with that.
    """
    chance, names = np.random.default_rng(0), list(sessions)
    single, batched = list[dict[str, float]](), list[dict[str, float]]()

    def take(rows: list[Encoding]) -> dict[str, float]:
        took = {}
        for name in chance.permutation(names):
            began = time.perf_counter()
            sessions[name].features(rows)
            took[str(name)] = (time.perf_counter() - began) / len(rows)
        return took

    take(_rows([min(lengths)]))
    deadline = time.monotonic() + seconds
    while len(batched) < _ROUNDS or time.monotonic() < deadline:
        single += [take(_rows([int(each)])) for each in chance.permutation(lengths)]
        batched.append(take(_rows(_batch(chance, lengths))))

    def usual(took: Sequence[Mapping[str, float]], name: str) -> float:
        first = statistics.median(each[names[0]] for each in took)
        return round(1e3 * first * statistics.median(each[name] / each[names[0]] for each in took), 4)

    return {name: Times(usual(single, name), usual(batched, name)) for name in names}


def soonest(times: Mapping[str, Times], first: str) -> Trial:
    """By single texts and by batches alike, the geometric mean of both; `first` unless another is ahead of it."""

    def share(name: str) -> float:
        return math.sqrt(math.prod(mine / usual for mine, usual in zip(times[name], times[first], strict=True)))

    best = min(times, key=share)
    return Trial(best if share(best) <= AHEAD else first, times)


def processor() -> str:
    """What the figures hold for: the processor, how many cores, the libraries' releases."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        found = None
    name = found[1].strip() if found else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, {', '.join(filter(None, map(_release, _LIBRARIES)))}"


def _release(library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return ""


def _batch(chance: np.random.Generator, lengths: Sequence[int]) -> list[int]:
    """The lengths of texts that are computed together: some of them are as long as a batch may be."""
    found = [int(each) for each in chance.choice(lengths, chance.integers(2, _ROWS, endpoint=True))]
    while len(found) > 1 and len(found) * max(found) > _TOKENS:
        found.pop()
    return found


def _rows(lengths: Sequence[int]) -> list[Encoding]:
    return [Encoding(place, [1] * length) for place, length in enumerate(lengths)]


@contextmanager
def _left_out(name: str, raises: bool = False) -> Iterator[None]:
    try:
        yield
    except LabelwheelError as error:
        if raises:
            raise
        log.warning("%s is left out: %s", name, error)
