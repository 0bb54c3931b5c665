"""What a foreign model of a checkpoint answers: asked in training's measurements and in serving alike.

Where it does not answer, nobody waits for it: whoever asks takes the answer of the regression that lies in the same
checkpoint, and it is started again, ever more seldom while it goes on failing.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path

from labelwheel.training.errors import ForeignFailed, InvalidCheckpoint, InvalidJob
from labelwheel.training.foreign import folder as folders
from labelwheel.training.foreign.model import ForeignModel
from labelwheel.training.foreign.process import ForeignProcess, Said
from labelwheel.training.questions import Example, Prediction, Question

logger = logging.getLogger(__name__)

AT_ONCE = 32
"""Examples in one request to it."""
FIRST_PAUSE, LAST_PAUSE = 1.0, 300.0


class ForeignAnswers:
    """The model whose files are packed in `content`. Any thread may ask; one is answered at a time.

    Who measures has it started again where it failed, up to so many `tries`; who serves waits for no start. The process
    and the folder with its files end with this object.
    """

    def __init__(
        self, model: ForeignModel, question: Question, content: Path, unscored: float = 1.0, tries: int = 0
    ) -> None:
        self.model, self._question, self._unscored = model, question, unscored
        self._place = Path(tempfile.mkdtemp(prefix="labelwheel-foreign-"))
        self._held: list[ForeignProcess] = []
        weakref.finalize(self, _end, self._held, self._place)
        self._content, self._tries = content, tries
        self._lock = threading.Lock()
        self._pause, self._again, self._starting = FIRST_PAUSE, 0.0, False
        self.problem: str | None = None

    def check(self, examples: Sequence[Example]) -> None:
        """Starts it, and has it answer. Raises InvalidCheckpoint where it does not."""
        try:
            self.whole(self._question, examples)
        except ForeignFailed as error:
            self.close()
            raise InvalidCheckpoint(f"{error}; roll back or train anew") from error

    def predict(self, question: Question, examples: Sequence[Example]) -> list[Prediction | None]:
        """For each example, in order, its answer as far as it fits the question; None where none was to be had."""
        found: list[Prediction | None] = []
        for start in range(0, len(examples), AT_ONCE):
            some = examples[start : start + AT_ONCE]
            said = self._try([self._question.posed(question, example) for example in some])
            if said is None:
                found += [None] * len(some)
                continue
            found += fitting(question, some, said, self._unscored)
        return found

    def whole(self, question: Question, examples: Sequence[Example]) -> list[Prediction]:
        """The same of all of them; it is started where it does not run. Raises ForeignFailed."""
        found: list[Prediction] = []
        for start in range(0, len(examples), AT_ONCE):
            some = examples[start : start + AT_ONCE]
            with self._lock:
                said = self._said(some)
            found += fitting(question, some, said, self._unscored)
        return found

    def close(self) -> None:
        """Ends its process; the next question starts it again."""
        _end(self._held, None)

    def _try(self, examples: Sequence[Example]) -> list[Said] | None:
        # whoever comes while another one waits for an answer waits as long as one may take, and no longer
        if not self._lock.acquire(timeout=self.model.seconds):
            return None
        try:
            if self._held and not self._held[0].alive:
                raise ForeignFailed(f"{self.model.name} has ended by itself")
            if not self._held and not self._tries:
                self._restart()
                return None
            said = self._said(examples)
        except ForeignFailed as error:
            self._failed(error)
            return None
        finally:
            self._lock.release()
        self._pause, self.problem = FIRST_PAUSE, None
        return said

    def _restart(self) -> None:
        """In a thread of its own: to start takes longer than anybody should wait who asks for a suggestion."""
        if self._starting or time.monotonic() < self._again:
            return
        self._starting = True
        threading.Thread(target=_restarted, args=(weakref.ref(self),), name="foreign model starts", daemon=True).start()

    def _failed(self, error: ForeignFailed) -> None:
        self.close()
        self._tries = max(0, self._tries - 1)
        self.problem = str(error)
        # in words: whoever keeps a record would keep the error, with all that its traceback holds
        logger.warning("%s; the regression answers meanwhile, another try in %.1f s", self.problem, self._pause)
        self._again = time.monotonic() + self._pause
        self._pause = min(LAST_PAUSE, 2 * self._pause)

    def _said(self, examples: Sequence[Example]) -> list[Said]:
        if not self._held:
            self._start()
        return self._held[0].predict(examples)

    def _start(self) -> None:
        try:
            self.model.check()
        except InvalidJob as error:
            raise ForeignFailed(str(error)) from error
        shutil.rmtree(self._place, ignore_errors=True)
        self._place.mkdir(mode=0o700, parents=True)
        folders.unpack(self._content, self._place)
        self._held.append(ForeignProcess(self.model, self._question, self._place))


def _restarted(of: weakref.ref[ForeignAnswers]) -> None:
    answers = of()
    if answers is None:
        return
    try:
        answers._start()
    except Exception as error:  # a thread has nobody to raise to
        answers._failed(error if isinstance(error, ForeignFailed) else ForeignFailed(str(error)))
    finally:
        answers._starting = False


def _end(held: list[ForeignProcess], place: Path | None) -> None:
    while held:
        held.pop().close()
    if place is not None:
        shutil.rmtree(place, ignore_errors=True)


def fitting(
    question: Question, examples: Sequence[Example], said: Sequence[Said], unscored: float = 1.0
) -> list[Prediction]:
    """What may be shown of its answers, in order."""
    return [_fitting(question, example, one, unscored) for example, one in zip(examples, said, strict=True)]


def _fitting(question: Question, example: Example, said: Said, unscored: float) -> Prediction:
    """What may be shown of an answer: labels that the question knows, spans inside of the text, true scores."""
    answer, _ = question.fitting(said.answer, example) if said.answer is not None else (None, [])
    if answer is None:
        return Prediction()
    score = _score(said.score, unscored)
    if not isinstance(answer, list):
        return Prediction(answer=answer, score=score)
    given: dict[str, float | None] = {}
    for item, one in zip(said.answer, said.item_scores, strict=False):
        kept, _ = question.fitting([item], example)
        given |= {json.dumps(each): one for each in kept or ()}
    scores = tuple(_score(given.get(json.dumps(item)), score) for item in answer)
    return Prediction(answer=answer, score=score, item_scores=scores)


def _score(given: float | None, otherwise: float) -> float:
    """A model that says nothing about how sure it is mostly says 0."""
    return min(1.0, float(given)) if given is not None and math.isfinite(given) and given > 0 else otherwise
