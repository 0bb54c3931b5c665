"""Checkpoints in memory, each once whoever is served with it, and those that could not be loaded."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Collection
from dataclasses import dataclass

from labelwheel.backend.serving.engine import Engine, Loaded
from labelwheel.backend.serving.engines import memory
from labelwheel.backend.serving.headed import Headed
from labelwheel.backend.serving.loading import Probes, load, probe
from labelwheel.backend.serving.predictor import ServedQuestion
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.backend.serving.revised import revise
from labelwheel.backend.serving.served import Wanted
from labelwheel.training.checkpoints.checkpoint import Checkpoint
from labelwheel.training.errors import InvalidCheckpoint, LabelwheelError, OutOfMemory, StoreUnreachable
from labelwheel.training.questions import Question

log = logging.getLogger(__name__)

FIRST_RETRY, LAST_RETRY = 15.0, 600.0
PATIENCE = 120.0
"""Seconds. A checkpoint that does not fit beside its champion is given up when this would be the next wait: until then
what fills the memory, such as a job on the same card, may end."""


@dataclass
class _Failure:
    """A checkpoint that could not be loaded, and when it is worth another try."""

    error: str
    kind: type[LabelwheelError]
    delay: float
    again: float


class LoadedModels:
    """Holds no model itself: what nobody is served with any more is gone. One thread calls all of it."""

    def __init__(self, engine: Engine, queue: InferenceQueue, read: Callable[..., Checkpoint]) -> None:
        self._engine, self._queue, self._read = engine, queue, read
        self._models: weakref.WeakValueDictionary[str, Loaded] = weakref.WeakValueDictionary()
        self._heads: weakref.WeakValueDictionary[str, Headed] = weakref.WeakValueDictionary()
        self._probes = Probes(queue)
        self._failures: dict[str, _Failure] = {}
        self._freed = threading.Event()

    def hopeless(self, version: str) -> bool:
        """Whether a checkpoint that does not fit into memory has been tried long enough."""
        return self._failures[version].delay >= PATIENCE

    def settle(self, versions: Collection[str]) -> None:
        """Forgets the failures of all other versions, and gives memory back that models have left."""
        self._failures = {version: each for version, each in self._failures.items() if version in versions}
        if self._freed.is_set():
            self._freed.clear()
            self._engine.forget()

    def model(self, version: str, place: str, question: Question, digest: str | None) -> Loaded:
        """A checkpoint that answers; raises InvalidCheckpoint, OutOfMemory, StoreUnreachable, for a while again."""
        failure = self._failures.get(version)
        if failure and time.monotonic() < failure.again:
            raise failure.kind(failure.error)
        try:
            model = self._models.get(version)
            if model is None:
                model = load(self._engine, self._queue, self._read(place, digest=digest), version)
                self._models[version] = model
                memory.settle()
                weakref.finalize(model, self._freed.set)
            if model.question.kind != question.kind:
                raise InvalidCheckpoint(
                    f"{version} answers {model.question.kind}, {question.name!r} is {question.kind}"
                )
            if model.question != question:
                probe(model, question, self._probes.of(model, question, model.encoder))
        except Exception as error:
            delay = min(LAST_RETRY, failure.delay * 2) if failure else FIRST_RETRY
            known = (kind for kind in (StoreUnreachable, OutOfMemory) if isinstance(error, kind))
            kind: type[LabelwheelError] = next(known, InvalidCheckpoint)
            self._freed.set()  # what was half loaded is given back
            self._failures[version] = _Failure(one_line(error), kind, delay, time.monotonic() + delay)
            log.warning("%s cannot be served, tried again in %.0f s: %s", version, delay, one_line(error))
            raise
        self._failures.pop(version, None)
        return model

    def revised(self, want: Wanted, members: dict[str, ServedQuestion]) -> tuple[dict[str, ServedQuestion], str]:
        """The members with newer heads, all of them or none: a revision is whole, or the generation is served."""
        found = dict(members)
        try:
            for name, (version, content) in want.heads.items():
                member = members[name]
                model = self._heads.get(version)
                if model is None or model.below is not member.model:
                    model = self._heads[version] = revise(member.model, member.question, version, content, self._probes)
                found[name] = ServedQuestion(member.question, model)
        except Exception as error:
            log.warning("project %d is served without newer heads: %s", want.project, one_line(error))
            return members, want.generation
        return found, want.version or want.generation


def one_line(error: BaseException) -> str:
    """What is said of an error, in one line."""
    return " ".join(str(error).split())[:500] or type(error).__name__
