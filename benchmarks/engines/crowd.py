"""Many that ask one thing after the other, and how many answers a second they get."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def rate(number: int, seconds: float, enter: Callable[[int], Callable[[], object]]) -> float:
    """Answers a second of so many threads; `enter(place)` runs in each, and gives what it asks over and over."""
    stop, counts = threading.Event(), [0] * number

    def ask(place: int) -> None:
        once = enter(place)
        while not stop.is_set():
            once()
            counts[place] += 1

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(number)]
    for thread in threads:
        thread.start()
    time.sleep(min(1.0, seconds / 4))
    began, before = time.monotonic(), sum(counts)
    time.sleep(seconds)
    found = (sum(counts) - before) / (time.monotonic() - began)
    stop.set()
    for thread in threads:
        thread.join()
    return found
