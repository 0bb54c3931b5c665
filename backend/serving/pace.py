"""How fast the device is, and what is promised already: so that what cannot be answered in time is refused at once."""

from __future__ import annotations

import threading
import time
from collections import deque
from statistics import median

from labelwheel.backend.errors import Overloaded, TooLarge

DOUBT = 1.25
"""A request is refused where it would take so many times what it has: the rate of a moment may be a low one."""

_FEWEST, _MOST = 8, 32
"""How many batches the rate is the median of: the first ones of a process say nothing, single ones little."""


class Pace:
    """Tokens a second, measured on the batches as they are computed, and the tokens that requests still wait for."""

    def __init__(self, lanes: int = 1) -> None:
        self._lanes = lanes
        self._rates: deque[float] = deque(maxlen=_MOST)
        self._places: set[Place] = set()
        self._lock = threading.Lock()

    def note(self, tokens: int, seconds: float) -> None:
        """One lane computed a batch."""
        with self._lock:
            self._rates.append(tokens / max(seconds, 1e-6))

    def seconds(self, tokens: float) -> float:
        """How long all lanes take for so much; nothing where too few batches have been measured yet."""
        with self._lock:
            rates = list(self._rates)
        return tokens / (median(rates) * self._lanes) if len(rates) >= _FEWEST else 0.0

    def enter(self) -> Place:
        """A request that is let in, and leaves with `leave`."""
        place = Place(self)
        with self._lock:
            self._places.add(place)
        return place

    def leave(self, place: Place) -> None:
        with self._lock:
            self._places.discard(place)

    def promised(self, but: Place) -> float:
        """The tokens that other requests still wait for."""
        with self._lock:
            return sum(place.left for place in self._places if place is not but)


class Place:
    """What one request still has to compute, in tokens."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self.left = 0.0

    def expect(self, tokens: float, examples: int, deadline: float) -> None:
        """Raises TooLarge where so much can never be answered by then, and Overloaded where others come first."""
        left = max(0.0, deadline - time.monotonic())
        alone, others = self._pace.seconds(tokens), self._pace.seconds(self._pace.promised(self))
        if alone > DOUBT * left:
            fitting = max(1, int(examples * left / alone / DOUBT))
            raise TooLarge(
                f"{examples} examples take about {alone:.0f} s here, and a request has {left:.0f} s (see "
                f"LABELWHEEL_REQUEST_SECONDS): ask for at most {fitting} at a time"
            )
        if alone + others > DOUBT * left:
            raise Overloaded(
                f"what waits for the model takes about {others:.0f} s, and {examples} examples another {alone:.0f} s: "
                "try again later, or ask for fewer at a time",
                retry=others,
            )
        self.left = tokens

    def done(self, tokens: float, deadline: float) -> None:
        """So much is computed; raises Overloaded as soon as it is clear that the rest will not be in time."""
        self.left = max(0.0, self.left - tokens)
        if self._pace.seconds(self.left) > DOUBT * max(0.0, deadline - time.monotonic()):
            raise Overloaded("the model will not get to the rest in time; ask for fewer examples at a time")
