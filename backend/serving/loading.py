"""Makes a checkpoint ready to answer, and proves it: load, rehearse, probe."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from labelwheel.backend.errors import Overloaded
from labelwheel.backend.serving import guard
from labelwheel.backend.serving.batching import Priority
from labelwheel.backend.serving.engine import Encoder, Engine, Loaded
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.training.checkpoints.checkpoint import Checkpoint
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Question

log = logging.getLogger(__name__)

PROBES = ("Where is my parcel?", "Größe 38 passt 👟 nicht, ich möchte mein Geld zurück. " * 20)
"""A short text and one that fills a batch: both are computed once before anybody asks."""


def load(engine: Engine, queue: InferenceQueue, found: Checkpoint, version: str, seconds: float = 120.0) -> Loaded:
    """A checkpoint that was verified, once it has answered its own question.

    Raises InvalidCheckpoint or whatever went wrong.
    """
    if found.manifest.version != version:
        raise InvalidCheckpoint(
            f"{found.folder} holds {found.manifest.version}, not {version}; roll back or train anew"
        )
    model = engine.load(found.folder, found.manifest)
    rehearse(model, queue, seconds)
    probe(model, model.question, Probes(queue).of(model, model.question, model.encoder, seconds))
    return model


def rehearse(model: Loaded, queue: InferenceQueue, seconds: float = 120.0) -> None:
    """Has a lane prepare what answers sooner, one step at a time: whoever asks meanwhile waits for one of them.

    Where there is no time for it, what answers is only not as soon.
    """
    deadline = time.monotonic() + seconds
    try:
        for step in model.encoder.rehearsals():
            queue.submit(_Step(step), [Encoding(0, [0])], Priority.INTERACTIVE, deadline).result(timeout=seconds + 1)
    except (Overloaded, TimeoutError) as error:
        log.warning("%s is not rehearsed to its end: %s", model.version, error or "there is no time for it")


class _Step:
    """A step of a rehearsal, which waits for a lane as a text does."""

    size = 0
    name, layered, tokens = "rehearsal", None, False
    computing = MappingProxyType[str, str]({})

    def __init__(self, step: Callable[[], None]) -> None:
        self._step = step

    def rehearsals(self) -> Sequence[Callable[[], None]]:
        return ()

    def features(self, encodings: Sequence[Encoding]) -> list[np.ndarray]:
        self._step()
        return [np.empty(0, dtype=np.float32) for _ in encodings]


class Probed(NamedTuple):
    """Two texts as a question reads them, with what an encoder gives of each: enough to try any head on."""

    examples: Sequence[Example]
    encodings: Sequence[Encoding]
    features: Sequence[np.ndarray]


class Probes:
    """What checkpoints' encoders give of the texts that answers are tried on, through the queue as everybody has it.

    Computed once: a newer head comes with each label, and the longer text takes as long as many that people wait for.
    """

    def __init__(self, queue: InferenceQueue) -> None:
        self._queue = queue
        self._known: weakref.WeakKeyDictionary[Loaded, dict[tuple[Question, str], Probed]] = weakref.WeakKeyDictionary()

    def of(self, model: Loaded, question: Question, encoder: Encoder, seconds: float = 120.0) -> Probed:
        """The texts, as `encoder` of a checkpoint reads them for a question."""
        known = self._known.setdefault(model, {})
        if (found := known.get((question, encoder.name))) is None:
            examples = [Example(key=text[:9], fields=dict.fromkeys(question.inputs, text)) for text in PROBES]
            encodings, deadline = model.encode(question, examples), time.monotonic() + seconds
            computed = self._queue.submit(encoder, encodings, Priority.INTERACTIVE, deadline)
            found = known[question, encoder.name] = Probed(examples, encodings, computed.result(timeout=seconds + 1))
        return found


def probe(model: Loaded, question: Question, probed: Probed) -> None:
    """Raises InvalidCheckpoint where the answers to the texts make no sense."""
    logits = model.head(probed.features)
    if len(logits) != len(probed.encodings) or not all(np.isfinite(row).all() for row in logits):
        raise InvalidCheckpoint(f"{model.version} answers with numbers that are none; roll back or train anew")
    predictions = model.decode(question, probed.examples, probed.encodings, logits)
    for example, prediction in zip(probed.examples, predictions, strict=True):
        _, dropped = guard.clean(question, example, prediction)
        if dropped:
            raise InvalidCheckpoint(
                f"{model.version} answers {question.name!r} with {prediction.answer!r:.100}, which does not fit it; "
                "roll back or train anew"
            )
