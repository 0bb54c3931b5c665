"""Which projects' models stay in memory: beyond the budget, those that were not asked for longest go."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping

from labelwheel.backend.serving.engine import Encoder


class Budget:
    """`most` bytes of encoders, no limit if None; an encoder that several projects share counts once."""

    def __init__(self, most: int | None = None) -> None:
        self.most, self.used = most, 0
        self._asked: dict[int, float] = {}
        self._lock = threading.Lock()

    def touch(self, project: int) -> None:
        """Somebody asks for suggestions."""
        with self._lock:
            self._asked[project] = time.monotonic()

    def surplus(self, encoders: Mapping[int, Iterable[Encoder]]) -> list[int]:
        """The projects to unload, from the encoders of those in memory. The one that was asked last always stays."""
        with self._lock:
            order = sorted(encoders, key=lambda project: self._asked.get(project, 0.0))
        held = {project: {id(each): each.size for each in encoders[project]} for project in order}
        gone: list[int] = []
        while True:
            self.used = sum({key: size for sizes in held.values() for key, size in sizes.items()}.values())
            if self.most is None or self.used <= self.most or len(held) <= 1:
                return gone
            gone.append(order[len(gone)])
            del held[gone[-1]]
