"""Promotions under load while a job trains on the same card: no answer fails, mixes, is stale or is wrong.

Goal: 50 promotions and 20,000 answers, 0 faults of each kind, and the job goes on.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from benchmarks.gpu.parts.report import Goal, Part
from benchmarks.gpu.stage import Stage

_TEXTS = 200


class Clients:
    """Threads that ask one text after the other, and compare each answer."""

    def __init__(self, stage: Stage, count: int) -> None:
        self.faults: Counter[str] = Counter()
        self.answers = 0
        self.first: str | None = None
        self._stage, self._stop, self._lock = stage, threading.Event(), threading.Lock()
        self._texts = [row["text"] for row in stage.rows[:_TEXTS]]
        self._truth = stage.truth(self._texts)
        self._threads = [threading.Thread(target=self._ask, args=(number,), daemon=True) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        if any(thread.is_alive() for thread in self._threads):
            self._count("failed", "a client waits for ever")

    def _ask(self, number: int) -> None:
        turn = number
        while not self._stop.is_set():
            turn += 1
            # a word that no other question has: the cache must not answer
            place, before = turn % _TEXTS, self._stage.announced()
            try:
                version, answers = self._stage.ask(self._texts[place] + " " * (1 + turn // _TEXTS + 1000 * number))
            except Exception as error:
                self._count("failed", repr(error))
                continue
            self._judge(place, before, version, answers)

    def _judge(self, place: int, before: str, version: str, answers: dict[str, object]) -> None:
        said = set(map(str, answers.values()))
        expected = self._truth[version.partition("-")[2]][place]
        if len(said) > 1:
            self._count("mixed", f"{version}: {answers}")
        elif said != {str(expected)}:
            self._count("wrong", f"{version}: {answers}, not {expected!r}")
        if _number(version) < _number(before):
            self._count("stale", f"{version} after {before}")
        with self._lock:
            self.answers += 1

    def _count(self, fault: str, what: str) -> None:
        with self._lock:
            self.faults[fault] += 1
            self.first = self.first or what


def _number(generation: str) -> int:
    return int(generation.partition("-")[0][1:])


def main() -> int:
    """Serve, train, promote, ask, and count."""
    part = Part.asked("swap")
    promotions, wanted, clients = (3, 60, 4) if part.is_small else (50, 20_000, 16)
    with tempfile.TemporaryDirectory(prefix="labelwheel-check-") as scratch:
        stage = Stage(Path(scratch), part.device)
        stage.promote()
        asking = Clients(stage, clients)
        took = []
        with stage.training() as codes:
            while (stage.promotions <= promotions or asking.answers < wanted) and part.left > 0:
                began = time.monotonic()
                if stage.promotions <= promotions:
                    stage.promote()
                    took.append(time.monotonic() - began)
                time.sleep(0.2)
        asking.stop()
        stage.close()
        faults = {name: asking.faults[name] for name in ("failed", "mixed", "stale", "wrong")}
        figures = {
            "promotions": len(took), "answers": asking.answers, **faults, "slowest_swap_s": round(max(took), 3),
            "jobs_ended": len(codes),
        }  # fmt: skip
        wrong = sum(faults.values())
        broken = [f"{wrong} answers had a fault, the first: {asking.first}"] if wrong else []
        broken += [f"{sum(map(bool, codes))} jobs failed"] if any(codes) else []
    enough = len(took) >= promotions and asking.answers >= wanted
    return part.end(figures, [Goal(f"{promotions} promotions and {wanted} answers in time", enough)], broken)


if __name__ == "__main__":
    sys.exit(main())
