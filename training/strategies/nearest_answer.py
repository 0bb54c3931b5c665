"""The answer of the nearest labelled text, by the frozen encoder: what costs least where people write their answers."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from labelwheel.training import encoders, layers
from labelwheel.training.heads import files
from labelwheel.training.heads.layered import unit
from labelwheel.training.heads.nearest import (
    FEATURES,
    Candidate,
    Chosen,
    Labelled,
    Manner,
    NearestHead,
    choose,
)
from labelwheel.training.heads.text_sureness import Sureness, fit
from labelwheel.training.kinds.free_text import distance, line, parted
from labelwheel.training.questions import Prediction
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.outcome import Outcome

MOST = 2_000
"""So many labelled texts are asked, the newest: more make each suggestion slower, and the checkpoint larger."""

MANNERS = [Manner(penalty, voices) for penalty in (0.05, 0.0, 0.2, 1.0) for voices in (1, 3, 8)]
"""What is tried, the first where nothing is better."""


class _Asked(NamedTuple):
    """One measured example: its number, and the answers that it might be given."""

    number: int
    candidates: list[Candidate]


class NearestAnswer(Strategy):
    """What the answer copied from its text is put in anew from the new one, where the place is known for sure.

    The head beside the model holds the answers; the model's own output says nothing.
    """

    name = "answer of the nearest text"
    recipe = "nearest"
    cost = Cost.SECONDS
    free = True

    def applies(self) -> bool:
        """Where answers are people's own words, and the model lets its layers be read: no head stands on it else."""
        if not self.given.problem.kind.free or len(self.given.problem) < 2:
            return False
        if layers.behind(encoders.without_head(copy.deepcopy(self.given.base))) is None:
            self.given.notes.append(f"{self.name}: not tried, the base model keeps its layers to itself")
            return False
        return True

    def measure(self) -> Outcome:
        """On each part of the layout; how an answer is chosen and how sure it is, each half hears from the other."""
        begin, problem, layout = time.monotonic(), self.given.problem, self.given.layout
        asked: list[_Asked] = []
        parts = layout.parts()
        for number, (learn, measure) in enumerate(parts):
            labelled = self._labelled(learn)
            for index in measure:
                candidates = labelled.candidates(self._features(index), self._text(index))
                asked.append(_Asked(index, candidates))
            self.given.progress.update((number + 1) / len(parts))
        asked.sort(key=lambda one: one.number)
        self._asked = asked
        answers: dict[int, Prediction] = {}
        for half in (0, 1):
            others = asked[1 - half :: 2] or asked
            manner, sureness = self._fitted(others)
            for one in asked[half::2]:
                example = problem.rows[one.number].example
                chosen = choose(one.candidates, manner)
                answers[one.number] = sureness.prediction(problem.question, example, chosen.row, chosen.texts)
        indices = [one.number for one in asked]
        shown = sum(answers[index].answer is not None for index in indices)
        detail = f"{len(parts)} validation part(s), {shown} of {len(indices)} suggested"
        return Outcome(
            self.name, problem, indices, {}, time.monotonic() - begin, detail, settled={},
            answers=[answers[index] for index in indices],
        )  # fmt: skip

    def finish(self) -> Finished:
        """The base model, and the head with the answers, as it is read again."""
        given = self.given
        kept = range(len(given.problem))[-MOST:]
        manner, sureness = self._fitted(self._asked)
        labelled = self._labelled(kept)
        head = NearestHead(labelled, manner, sureness)
        module = encoders.silenced(given.base)
        settings = {
            "answers": len(kept), "frames": len(labelled.frames), "penalty": manner.penalty, "voices": manner.voices,
        }  # fmt: skip
        given.notes.append(
            "Suggestions are what people wrote about similar texts: the checkpoint holds their answers, and whoever "
            "gets an export of it can read them."
        )
        return Finished(module, settings, files.load(head.dump()))

    def _labelled(self, indices: Sequence[int]) -> Labelled:
        kept = indices[-MOST:]
        features = np.stack([self._features(index) for index in kept])
        answers = [parted(self.given.problem.rows[index].answer) for index in kept]
        return Labelled.of(features, [self._text(index) for index in kept], answers)

    def _text(self, index: int) -> str:
        return self.given.problem.question.texts(self.given.problem.rows[index].example)[0]

    def _features(self, index: int) -> np.ndarray:
        """Of length 1, (width,), in half precision as the head keeps them."""
        (place,) = self.given.problem.places[index]
        row = self.given.frozen.features[place]
        return unit(row[None].astype(np.float64))[0].astype(np.float16)

    def _fitted(self, asked: Sequence[_Asked]) -> tuple[Manner, Sureness]:
        """How an answer is best chosen, and how sure it is then."""
        found = []
        for manner in MANNERS:
            chosen = [choose(one.candidates, manner) for one in asked]
            found.append((manner, chosen, self._changed(asked, chosen)))
        if not asked:
            return MANNERS[0], Sureness.unknown(FEATURES)
        manner, chosen, changed = min(found, key=lambda each: float(each[2].mean()))
        return manner, fit(np.stack([one.row for one in chosen]), changed)

    def _changed(self, asked: Sequence[_Asked], chosen: Sequence[Chosen]) -> np.ndarray:
        rows = self.given.problem.rows
        pairs = zip(asked, chosen, strict=True)
        return np.array([distance("\n".join(said.texts), line(rows[one.number].answer)) for one, said in pairs])
