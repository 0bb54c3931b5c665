"""What some answers about an example imply for another question, from how people answered so far.

How common each class is beside what was answered (a share, smoothed by one label that is as common as everywhere) is
multiplied by how much likelier the model, which has read the text, holds it than it is everywhere. Of several answers
the most telling one counts alone, for answers of one person to one text depend on each other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from labelwheel.backend.ledger.given_together import Together
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Answer, Prediction, Question

log = logging.getLogger(__name__)

CLEAR = 0.8
"""How sure an implied answer is at least."""
LEAST = 5
"""So many people's works have to say the same as the draft before it implies anything."""
FRESH_SECONDS = 20.0
PROJECTS = 32
ITEMS = 30
"""So many classes of one answer are counted."""


class Said(NamedTuple):
    """A question that was answered, and one class that its answer names."""

    question: str
    label: str


@dataclass
class Counts:
    """How often people gave a class, and how often together with something that they said to another question."""

    works: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    said: Counter[Said] = field(default_factory=Counter)
    both: Counter[tuple[Said, str]] = field(default_factory=Counter)

    def likely(self, said: Said, question: Question, predicted: Prediction | None) -> dict[str, float]:
        """How likely each class is."""
        values = question.values
        everywhere = {value: (self.classes[value] + 1) / (self.works + len(values)) for value in values}
        beside = {
            value: (self.both[said, value] + share) / (self.said[said] + 1) for value, share in everywhere.items()
        }
        if predicted is not None and predicted.answer in everywhere:
            sure = min(max(predicted.score, 0.01), 0.99)
            usual = everywhere[predicted.answer]
            for value in values:  # of the other classes the model says nothing
                ratio = sure / usual if value == predicted.answer else (1 - sure) / (1 - usual)
                beside[value] *= ratio
        whole = sum(beside.values())
        return {value: weight / whole for value, weight in beside.items()}


class Implication:
    """What is counted of one project, at one moment."""

    def __init__(self, questions: Sequence[Question], together: Together) -> None:
        self._counts = {each.name: Counts() for each in questions if kind_of(each).exclusive}
        by_name = {each.name: each for each in questions}
        for answers in together.values():
            said = list(_said(by_name, answers))
            for target, counts in self._counts.items():
                own = [each.label for each in said if each.question == target]
                if len(own) != 1:
                    continue
                counts.works += 1
                counts.classes[own[0]] += 1
                for each in said:
                    if each.question != target:
                        counts.said[each] += 1
                        counts.both[each, own[0]] += 1
        self._questions = by_name

    def telling(self, question: Question, given: Mapping[str, Answer]) -> list[tuple[Said, Counts]]:
        """What of these answers was given often enough to say something about a question."""
        counts = self._counts.get(question.name)
        if counts is None or len(question.values) < 2:
            return []
        said = dict.fromkeys(each for each in _said(self._questions, given) if each.question != question.name)
        return [(each, counts) for each in said if counts.said[each] >= LEAST]

    def answer(
        self, question: Question, given: Mapping[str, Answer], predicted: Prediction | None
    ) -> Prediction | None:
        """The class that these answers make clear, beside what the model says; None where they do not."""
        best: Prediction | None = None
        for said, counts in self.telling(question, given):
            likely = counts.likely(said, question, predicted)
            value = max(likely, key=lambda each: likely[each])
            usual = 2 * counts.both[said, value] >= counts.said[said]
            if usual and likely[value] >= CLEAR and (best is None or likely[value] > best.score):
                best = Prediction(answer=value, score=likely[value])
        return best


class Implications:
    """The counts of each project, in bounded memory; read anew where they are older than some seconds."""

    def __init__(self, read: Callable[[int, Sequence[Question]], Together]) -> None:
        self._read = read
        self._kept: OrderedDict[int, tuple[float, Sequence[Question], Implication]] = OrderedDict()
        self._lock = threading.Lock()
        self._reading = threading.Lock()

    def of(self, project: int, questions: Sequence[Question]) -> Implication:
        """What is counted of a project. While one thread reads, the others go by what was counted before."""
        found = self._fresh(project, questions)
        if found is not None:
            return found
        with self._lock:
            before = self._kept.get(project)
        known = before is not None and before[1] == questions
        if not self._reading.acquire(blocking=not known):
            assert before is not None
            return before[2]
        try:
            found = self._fresh(project, questions) or Implication(questions, self._read(project, questions))
        except Exception as error:
            log.warning("project %s: what was answered together cannot be read at the moment: %s", project, error)
            found = before[2] if before is not None and known else Implication(questions, {})
        finally:
            self._reading.release()
        with self._lock:
            self._kept[project] = time.monotonic(), questions, found
            self._kept.move_to_end(project)
            while len(self._kept) > PROJECTS:
                self._kept.popitem(last=False)
        return found

    def _fresh(self, project: int, questions: Sequence[Question]) -> Implication | None:
        with self._lock:
            at, known, found = self._kept.get(project, (0.0, (), None))
        return found if found is not None and known == questions and time.monotonic() - at < FRESH_SECONDS else None


def _said(questions: Mapping[str, Question], answers: Mapping[str, Answer]) -> Iterator[Said]:
    """The classes that answers name, each once; none of an answer that does not fit its question any more."""
    for name, answer in answers.items():
        question = questions.get(name)
        if question is None or answer is None:
            continue
        try:
            named = dict.fromkeys(kind_of(question).labels(question, answer))
        except (TypeError, KeyError, AttributeError):
            continue
        yield from (Said(name, label) for label in list(named)[:ITEMS] if label in question.places)
