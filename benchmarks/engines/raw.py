"""The engine with nothing around it: tokenize, encode, read off, decode, in a plain loop in one thread."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Any

from labelwheel.backend.serving.cache import AnswerCache
from labelwheel.backend.serving.engine import Engine, Loaded
from labelwheel.backend.serving.loading import rehearse
from labelwheel.backend.serving.predictor import Predictor, ServedQuestion
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.training.questions import Example, Prediction


def examples(texts: Sequence[str]) -> list[Example]:
    return [Example(key=str(place), fields={"text": text}) for place, text in enumerate(texts)]


class Raw:
    """One checkpoint in one engine."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.model: Loaded = engine.load(folder)

    def answer(self, texts: Sequence[str]) -> list[Prediction]:
        """All in one batch."""
        model, asked = self.model, examples(texts)
        rows = model.encode(model.question, asked)
        return model.decode(model.question, asked, rows, model.head(model.encoder.features(rows)))

    def seconds(self, texts: Sequence[str], batch: int) -> float:
        """In batches of so many."""
        began = time.perf_counter()
        for start in range(0, len(texts), batch):
            self.answer(texts[start : start + batch])
        return time.perf_counter() - began


def together(loops: Sequence[Raw], texts: Sequence[Sequence[str]], batch: int) -> float:
    """Texts a second of several loops at once, each through texts of its own."""
    threads = [Thread(target=raw.seconds, args=(own, batch)) for raw, own in zip(loops, texts, strict=True)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(map(len, texts)) / (time.perf_counter() - began)


class InProcess:
    """Labelwheel without HTTP: predictor, queue and engine."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._queue = InferenceQueue(engine)
        self.model: Loaded = engine.load(folder)
        rehearse(self.model, self._queue)
        self._members = {"topic": ServedQuestion(self.model.question, self.model)}
        self._predictor = Predictor(self._queue, AnswerCache())

    def answer(self, texts: Sequence[str]) -> list[Any]:
        return self._predictor.suggest(self._members, examples(texts))

    def rate(self, number: int, seconds: float, texts: list[Iterator[str]]) -> float:
        """Answers a second of so many threads that ask one text after the other."""
        stop, counts = Event(), [0] * number

        def ask(place: int) -> None:
            while not stop.is_set():
                self.answer([next(texts[place])])
                counts[place] += 1

        threads = [Thread(target=ask, args=(place,)) for place in range(number)]
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

    def close(self) -> None:
        self._queue.close()
