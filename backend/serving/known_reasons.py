"""What carried answers that were explained a moment ago, so that suggestions can say it without being kept waiting."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

from labelwheel.plugins.reasons import Reason, Word, given
from labelwheel.training.evaluation.explanation import Explanation
from labelwheel.training.questions import Example, Prediction, Question

SIZE = 1000

_Key = tuple[int, str, tuple[str, ...]]
"""Project, question and texts."""


class KnownReasons:
    """The last ones, by project, question and texts. They hold for an item however sure newer heads are of it."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._found: OrderedDict[_Key, tuple[Reason, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, project: int, question: Question, example: Example, found: Explanation) -> None:
        """Keeps what was found, in the place of what was known of the same texts."""
        with self._lock:
            key = _key(project, question, example)
            words = [Word(**word._asdict()) for word in found.words]
            self._found[key] = tuple(
                reason for one in found.carried for reason in given(one.item, [words[place] for place in one.marked])
            )
            self._found.move_to_end(key)
            if len(self._found) > self._size:
                self._found.popitem(last=False)

    def of(
        self, project: int, questions: Mapping[str, Question], example: Example, predictions: Mapping[str, Prediction]
    ) -> dict[str, tuple[Reason, ...]]:
        """By question, the reasons that are known of what is suggested now; questions without any are left out."""
        if not self._found:
            return {}
        found = {}
        for name, prediction in predictions.items():
            if name not in questions or prediction.answer is None:
                continue
            said = prediction.answer if isinstance(prediction.answer, list) else [prediction.answer]
            with self._lock:
                known = self._found.get(_key(project, questions[name], example), ())
            if left := tuple(reason for reason in known if reason.item in said):
                found[name] = left
        return found


def _key(project: int, question: Question, example: Example) -> _Key:
    return project, question.name, tuple(question.texts(example))
