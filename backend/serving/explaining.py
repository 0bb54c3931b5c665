"""Why the model says what it says of one example: the words that carried the answer, and labels near it and behind it.

All of it is bulk work, one example at a time: while people wait for suggestions, it takes a small batch now and then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from labelwheel.backend.errors import NotFound, Overloaded, TooLarge
from labelwheel.backend.serving import guard
from labelwheel.backend.serving.batching import Priority
from labelwheel.backend.serving.cache import AnswerCache
from labelwheel.backend.serving.influences import NO_INFLUENCES, Influences, InfluentialLabels
from labelwheel.backend.serving.known_reasons import KnownReasons
from labelwheel.backend.serving.nearest import NO_NEIGHBOURS, Labelled, NearestLabels, Neighbours, nearest
from labelwheel.backend.serving.predictor import Predictor, ServedQuestion
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.training.errors import LabelwheelError
from labelwheel.training.evaluation.explanation import MOST, Explanation, explain
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Example, Prediction, Question

SECONDS = 40.0
"""What an explanation may take: whoever asks waits for a minute."""

MAKES_ROOM = 5.0
"""Seconds that an explanation in idle time has to end in, where somebody waits for another one."""

IDLE_BATCH = 1
"""So many answers at a time where nobody waits for the explanation: a suggestion waits for these at most."""

QUIET_SECONDS = 1.5
"""So long nobody has asked the model for a suggestion before anything is explained ahead.

Requests of a service that is asked all the time are less than that apart, and so nearly none of them meets an
explanation. One person opens a task every few seconds, and of ten who do at random a gap as long comes several times a
minute: a longer moment would wait for lunch, a shorter one would work between the requests of a busy service.
"""

HALVES = 512
"""So many answers of explanations that were given up are kept: those go on where they were, in the next quiet moment.

An explanation takes some dozens of answers, so that it would never end where quiet moments are shorter than it. An
answer is a hundred bytes or so, and its text.
"""


@dataclass(frozen=True)
class Explained:
    """The answer of what is served in `version`, what carried it, what is labelled near it, what moved it."""

    version: str
    explanation: Explanation
    neighbours: Neighbours
    influences: Influences


class Explainer:
    """Explains answers through the serving queue. Texts without some of their words never reach its cache and store.

    `known` is told what was found, for suggestions of the same examples; `clock` counts seconds as time.monotonic.
    """

    def __init__(
        self,
        queue: InferenceQueue,
        labelled: Labelled,
        max_characters: int,
        shown_from: Mapping[str, float],
        known: KnownReasons,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue, self._clock = queue, clock
        # answers are asked for as they are: what is hidden is still held to some degree
        self._predictor = Predictor(queue, AnswerCache(0), max_characters)
        self._ahead = Predictor(queue, AnswerCache(HALVES, max_characters), max_characters)
        self._nearest, self._influential = NearestLabels(queue, labelled, max_characters), InfluentialLabels()
        self._max_characters, self._shown_from, self._known = max_characters, shown_from, known
        self._busy, self._idling, self._wanted = threading.Lock(), False, threading.Event()

    def explain(
        self, project: int, member: ServedQuestion, version: str, example: Example, idle: bool = False
    ) -> Explained:
        """Raises NotFound where there is nothing to read, TooLarge, and Overloaded: also while one is explained.

        Where nobody waits for it, in `idle` time, it begins after a quiet moment only and is given up as soon as
        anybody asks for a suggestion; asked for again, it goes on from there. No labels are compared then.
        """
        if not guard.readable(member.question, example, self._max_characters) or _lacks(member.question, example):
            raise _unreadable(member.question, example, self._max_characters)
        deadline, begun = time.monotonic() + SECONDS, self._clock()
        predictor, step = (self._ahead, IDLE_BATCH) if idle else (self._predictor, MOST)

        def answer(examples: Sequence[Example]) -> list[Prediction]:
            found: list[Prediction] = []
            for start in range(0, len(examples), step):
                if idle and (self._asked_since(begun) or self._wanted.is_set()):
                    raise Overloaded("people ask for suggestions; explanations wait until they do not")
                left = max(0.1, deadline - time.monotonic())
                piece = examples[start : start + step]
                found += [one[""] for one in predictor.suggest({"": member}, piece, Priority.BULK, left)]
            return found

        with self._alone(idle):
            whole = guard.encodable(example)
            [said] = answer([whole])
            least = self._shown_from.get(member.question.kind, 0.0)
            shown = kind_of(member.question).shown(said, least)
            found = explain(member.question, whole, answer, shown)
            self._known.add(project, member.question, example, found)
            if idle:
                return Explained(version, found, NO_NEIGHBOURS, NO_INFLUENCES)
            compared = self._nearest.compare(project, member, whole, deadline)
            return Explained(version, found, nearest(compared), self._influential.of(member, compared, shown))

    def _asked_since(self, begun: float) -> bool:
        """Whether somebody asked for a suggestion that the model had to read, since then or a moment ago."""
        return self._queue.asked > begun or self._clock() - self._queue.asked < QUIET_SECONDS

    @contextmanager
    def _alone(self, idle: bool) -> Iterator[None]:
        """One at a time; what is explained in idle time makes room for what somebody waits for."""
        if not idle:
            self._wanted.set()
        try:
            taken = self._busy.acquire(timeout=MAKES_ROOM if self._idling and not idle else 0)
        finally:
            if not idle:
                self._wanted.clear()
        if not taken:
            raise Overloaded("another answer is being explained; try again in a few seconds")
        self._idling = idle
        try:
            yield
        finally:
            self._idling = False
            self._busy.release()


def _unreadable(question: Question, example: Example, most: int) -> LabelwheelError:
    length = sum(map(len, question.texts(example)))
    if length > most:
        return TooLarge(f"the text has {length} characters; at most LABELWHEEL_MAX_CHARACTERS={most} are read")
    asked = f"{question.name!r} is asked about {' and '.join(map(repr, question.inputs))}"
    if lacking := _lacks(question, example):
        return NotFound(f"{asked}, and there is no {' and '.join(map(repr, lacking))}: give an example by its key")
    return NotFound(f"there is no text: {asked}")


def _lacks(question: Question, example: Example) -> list[str]:
    """The fields without a text, of a question that makes no sense without each of them, if any has a text."""
    missing = [name for name in question.inputs if not example.fields.get(name, "").strip()]
    return missing if kind_of(question).fields and len(missing) < len(question.inputs) else []
