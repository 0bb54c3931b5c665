"""The encoder tuned by contrast, twice: on the labels, and on them with its own best guesses on texts without a label.

Self-training (Lee 2013, pseudo-labels) with the share of each class held to that of the labels (`heads.guesses`).
Measured by `benchmarks.guesses` with MiniLM on 400 to 700 texts kept apart, one or two draws of labels among 600 texts
(the first draws of 64: among 1,500):

| set, labels | by contrast | with guesses | CPU seconds for a model, one thread |
| --- | --- | --- | --- |
| trec6, 32 | .763, .813 | .890, .850 | 22 to 29 and 25 to 27 more |
| snips, 32 | .845, .900 | .928, .935 | 20 and 27 more |
| sst2, 32 | .710 | .740 | 40 and 43 more |
| trec6, 64 | .912, .908 | .936, .910 | 26 to 29 and 35 to 38 more |
| sst2, 64 | .794, .765 | .781, .775 | 45 to 49 and 57 to 61 more |
| banking77, 128 | .678, .688 | .695, .670 | 30 and 34 to 47 more |

Guesses of a head on three layers of the frozen encoder would save the first training, and are worse: on 25 to 33 labels
of trec6, seven draws, .656 in the mean, where these have .767 and labels alone .621; of sst2 (two draws) .679, .721 and
.678; of snips (two) .935, .909 and .909.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from labelwheel.training import encoders
from labelwheel.training.heads.guesses import guess
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.model import pad_token
from labelwheel.training.strategies.base import Finished, Strategy
from labelwheel.training.strategies.class_batches import Classes
from labelwheel.training.strategies.contrastive import Contrastive, Tuned
from labelwheel.training.strategies.folds import Fold
from labelwheel.training.strategies.frozen_head import LOG_LOSS_SHARE, Guessed
from labelwheel.training.strategies.materials import Materials
from labelwheel.training.strategies.outcome import Outcome

TIMES, A_CLASS, MOST_LABELS = 2, 4, 50
"""So many texts without a label for each with one, at least, and so many labels a class in the mean: with fewer,
guesses brought nothing. With more labels than the last number they bring too little for twice the time."""

KEPT = 0.3
"""Of them: the encoder is trained on each."""

MOST, MOST_TOKENS = 1000, 20_000
"""So many texts are guessed on, and so many tokens: they cost about what a training does."""

PLANNED = 0.6
"""Of the time that is left."""


class SelfTaught(Contrastive):
    """The second training begins at the base model too: what the first one got wrong of a label is not kept."""

    name = "encoder tuned by contrast, with its own guesses"
    trainings = 2.5

    def __init__(self, given: Materials) -> None:
        super().__init__(given)
        self._texts: Sequence[Encoding] = ()
        self._plain: dict[int, np.ndarray] = {}
        self._guessing, self._guessed = True, 0

    def applies(self) -> bool:
        """Where contrast does, and there are texts enough to guess on."""
        count, classes = len(self.given.problem), len(self.given.problem.id2label)
        if not A_CLASS * classes <= count <= MOST_LABELS or self.given.unlabelled is None or not super().applies():
            return False
        texts = self.given.unlabelled.encodings[:MOST]
        tokens = np.cumsum([len(text.input_ids) for text in texts])
        self._texts = texts[: int(np.searchsorted(tokens, MOST_TOKENS, side="right"))]
        return len(self._texts) >= TIMES * count

    def replaces(self) -> tuple[type[Strategy], ...]:
        """What it begins with, and what that replaces."""
        return Contrastive, *super().replaces()

    def measure(self) -> Outcome:
        """With guesses or, where that is better out of fold, without: the first training is one without."""
        taught = super().measure()
        plain = replace(taught, logits={place: self._plain[place] for place in taught.logits})
        self._guessing = self.helps(taught, plain)
        found = taught if self._guessing else plain
        return replace(found, detail=f"{found.detail}, guesses {'' if self._guessing else 'do not '}help")

    def helps(self, taught: Outcome, plain: Outcome) -> bool:
        """Whether it is better with guesses than without."""
        return float(np.mean(values(taught))) <= float(np.mean(values(plain)))

    def finish(self) -> Finished:
        """As contrast does; `guesses` is how many texts were learnt from beside the labels."""
        tuned = super().finish()
        return Finished(tuned.module, {**tuned.settings, "guesses": self._guessed if self._guessing else 0})

    def _learnt(self, indices: Sequence[int], told: Callable[[float], None]) -> Tuned:
        if not self._guessing:
            return self.first(indices, told)
        first = self.first(indices, lambda share: told(share / 2))
        known = set(indices)
        others = [index for index in range(len(self.given.problem)) if index not in known]
        self._plain |= first.frozen.logits(first.head, others)
        return self.taught(first, indices, lambda share: told((1 + share) / 2))

    def _parts(self, step: float) -> list[Fold]:
        """Raises TimeoutError where so much time would be gone that contrast alone, which comes next, had none."""
        parts, left = self.given.layout.parts(), self.given.budget.seconds * PLANNED
        steps = self.trainings * self._settings.steps
        if not parts or (len(parts) + 1) * steps * step > left:
            raise TimeoutError(f"{steps:.0f} steps take about {steps * step:.0f} s each time; without guesses less")
        return parts

    def first(self, indices: Sequence[int], told: Callable[[float], None]) -> Tuned:
        """What comes of some labels alone."""
        return super()._learnt(indices, told)

    def taught(self, first: Tuned, indices: Sequence[int], told: Callable[[float], None]) -> Tuned:
        """What comes of them and of its guesses."""
        guesses = self._guesses(first, indices)
        texts = self._texts
        rows: dict[int, list[Sequence[int]]] = {}
        for place, target in guesses.items():
            rows.setdefault(target, []).append(texts[place].input_ids)
        known = self._classes(indices)
        # a class without a label has its name alone, and no guess is taken for one of it
        together = {number: [*own, *rows.get(number, ())] for number, own in known.texts.items()}
        module = self._tuned(Classes(together, known.names), told)
        frozen = self._features(module)
        chosen = [place for place, target in guesses.items() if target in known.texts]
        self._guessed = len(chosen)
        said = self._rows(module, [texts[place] for place in chosen], frozen.unit)
        taught = Guessed(said, np.asarray([guesses[place] for place in chosen], dtype=int))
        return Tuned(module, frozen, frozen.fit(indices, self._held(indices), taught))

    def _guesses(self, first: Tuned, indices: Sequence[int]) -> Mapping[int, int]:
        """What some texts without a label are taken for, by their number."""
        problem, texts = self.given.problem, self._texts
        rows = self._rows(first.module, texts, first.frozen.unit)
        numbers = np.arange(len(texts))[:, None]
        labelled = [int(problem.targets[place]) for place in problem.encoded(indices)]
        found = guess(numbers, np.zeros_like(numbers), first.head(rows), labelled, KEPT)
        return {int(number): int(target) for (number,), target in zip(found.rows, found.targets, strict=True)}

    def _rows(self, module: Any, texts: Sequence[Encoding], unit: float) -> np.ndarray:
        """Features as long as the labelled ones: (texts, width)."""
        if not texts:
            return np.empty((0, encoders.head(module).in_features), dtype=np.float32)
        return np.stack(encoders.features(module, texts, pad_token(self.given.tokenizer))) / np.float32(unit)


def values(outcome: Outcome) -> list[float]:
    """For each example; the less, the better."""
    fine = outcome.surprise
    return [one.loss + LOG_LOSS_SHARE * fine.get(index, 0.0) for index, one in outcome.scores.items()] or [0.0]
