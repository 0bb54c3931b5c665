"""Answers to texts that were asked before, bounded; exact, for the checkpoint's version is part of the key."""

from __future__ import annotations

import threading
from collections import OrderedDict

from labelwheel.training.questions import Prediction

Key = tuple[str, str, tuple[str, ...]]
"""Checkpoint version, digest of the question, texts."""


class AnswerCache:
    """The last `size` answers. Texts beyond `max_characters` are not kept, so that memory stays bounded too."""

    def __init__(self, size: int = 8192, max_characters: int = 2000) -> None:
        self._size, self._max_characters = size, max_characters
        self._answers: OrderedDict[Key, Prediction] = OrderedDict()
        self._lock = threading.Lock()
        self.hits = self.misses = 0

    def get(self, key: Key) -> Prediction | None:
        with self._lock:
            answer = self._answers.get(key)
            if answer is None:
                self.misses += 1
            else:
                self.hits += 1
                self._answers.move_to_end(key)
            return answer

    def __contains__(self, key: Key) -> bool:
        return key in self._answers

    def put(self, key: Key, answer: Prediction) -> None:
        if sum(map(len, key[2])) > self._max_characters:
            return
        with self._lock:
            self._answers[key] = answer
            if len(self._answers) > self._size:
                self._answers.popitem(last=False)
