"""What the head of whole texts is fitted to: the labels of this moment, beside the champion that it is to stand on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from labelwheel.training.heads import coverage, ticks
from labelwheel.training.heads.blend import Blend, Counts
from labelwheel.training.heads.guesses import Guesses, guess
from labelwheel.training.heads.linear import LinearHead
from labelwheel.training.heads.places import Places
from labelwheel.training.heads.seen import Seen, Unlabelled, numbered
from labelwheel.training.heads.space import Space
from labelwheel.training.heads.standing import Standing
from labelwheel.training.heads.ticks import Ticks
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding, Row
from labelwheel.training.kinds.objectives import Softmax, class_weights
from labelwheel.training.questions import Prediction, Question
from labelwheel.training.strategies.label_names import settled
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.regression import BIAS, Head, fit

PENALTY = 0.1
"""Of the mean loss, over the number of labels: C = 10 in scikit-learn's terms."""

FEW_BIAS, FEW = 10.0, 32
"""While labels are few, classes are as frequent as people happened to come by them: biases are dear."""

NAMED_BIAS = 3.0
"""Where several options may fit, and names tell how often each does, biases are dear however many labels there are.

Measured against 10 up to 31 labels and next to nothing from the 32nd on, at which pairs of banking77's texts (77
options) fell from .46 to .37; micro F1 at 24, 48, 64 and 128 labels, two or three draws: GoEmotions +.022, -.001,
-.004, +.003; those pairs -.006, +.054, +.036, +.012; pairs of trec6 and of snips -.008 to +.011. With 10 GoEmotions is
.02 worse up to 24 labels, with 1 those pairs are. In whole loops GoEmotions gains .03 from 20 to 32 labels (six draws).
"""

MOST = 4_000
"""So many of the newest labels are learnt from: what came before, the rounds have learnt."""

TOLERANCE = 1e-6


class Bench:
    """All that is fitted to: one question's labelled examples, beside the champion that a head is to stand on.

    `places`, of the same standing and space, knows examples of before, and `pool` what `coverage.shares` told of all
    texts when there were unlabelled ones.
    """

    def __init__(
        self,
        question: Question,
        standing: Standing,
        space: Space,
        seen: Sequence[Seen],
        unlabelled: Unlabelled | None = None,
        seed: int = 0,
        places: Places | None = None,
        pool: np.ndarray | None = None,
    ) -> None:
        self.question, self.kind, self.standing, self.seen = question, kind_of(question), standing, list(seen)[-MOST:]
        self.space, self.unlabelled, self.seed = space, unlabelled, seed
        self.labels = labels_of(question)
        self._places = places or Places(self.kind, self.labels, standing, space)
        self._pool = pool

    def part(self, indices: Sequence[int]) -> Bench:
        """The same with some of the examples alone; what the names say of all texts is known."""
        seen = [self.seen[index] for index in indices]
        return Bench(self.question, self.standing, self.space, seen, self.unlabelled, seed=self.seed, pool=self.pool)

    @cached_property
    def problem(self) -> Problem:
        """The labelled examples as strategies know them; no text is read, so that rows have no tokens."""
        encodings = [
            Encoding(place, (), side) for place, one in enumerate(self.seen) for side in range(len(one.features))
        ]
        examples, answers = [one.row.example for one in self.seen], [one.row.answer for one in self.seen]
        names = dict(enumerate(self.labels))
        targets: Sequence[np.ndarray] = self.kind.targets(self.question, examples, answers, encodings, names)
        mean, scale = 0.0, 1.0
        if self.kind.standardised and len(targets):
            mean, scale = float(np.mean(targets)), float(np.std(targets)) or 1.0
            targets = [(target - mean) / scale for target in targets]
        rows = [one.row for one in self.seen]
        return Problem(self.question, self.kind, rows, encodings, targets, names, mean, scale)

    @cached_property
    def _placed(self) -> tuple[np.ndarray, np.ndarray]:
        return self._places.of(self.seen)

    @property
    def rows(self) -> np.ndarray:
        """Each encoding in the space."""
        return self._placed[0]

    @cached_property
    def prior(self) -> np.ndarray:
        """What is known of each encoding before, standardised."""
        return (self._placed[1] - self.problem.centre) / self.problem.scale

    @property
    def named(self) -> list[Prediction]:
        """What is known of the examples before says of each by itself."""
        examples, names = [one.row.example for one in self.seen], dict(enumerate(self.labels))
        values = list((self.prior * self.problem.scale + self.problem.centre).astype(np.float32))
        return self.kind.decode(self.question, examples, numbered(self.seen), values, names, settled(self.kind))

    @property
    def apart(self) -> bool:
        """Whether the regression is fitted by itself, beside the names."""
        return self.standing.names is not None and isinstance(self.problem.objective, Softmax)

    def classes(self, indices: Sequence[int]) -> list[int]:
        """The label's number of some examples, where one is right."""
        return [int(self.problem.targets[place]) for place in self.problem.encoded(indices)]

    @property
    def ticked(self) -> bool:
        """Whether the names say of each option by itself whether it fits."""
        return self.standing.names is not None and self.standing.shares and not self.kind.exclusive

    def counts(self, indices: Sequence[int]) -> Counts:
        """How often each label was seen among some examples, and the part of all texts of which these do not tell."""
        if not self.apart and not self.ticked:
            return Counts(np.ones(len(self.labels), dtype=int))
        given = self._given(indices)
        counts, elsewhere = given.sum(axis=0), 0.0
        if self.pool is not None:
            elsewhere = coverage.elsewhere(self.pool, self.prior[self.problem.encoded(indices)], given)
        return Ticks(counts, elsewhere, len(given)) if self.ticked else Counts(counts, elsewhere)

    def fading(self, indices: Sequence[int]) -> Blend | None:
        """How much what is known counts where a blend of the names and a regression by itself is not measured."""
        return ticks.fading(len(indices), len(self.labels)) if self.ticked else None

    def _given(self, indices: Sequence[int]) -> np.ndarray:
        """Which labels some examples have, (examples, labels) of bool."""
        if not self.apart:
            return np.stack([self.problem.targets[place] for place in self.problem.encoded(indices)]) > 0
        return np.asarray(self.classes(indices))[:, None] == np.arange(len(self.labels))

    @cached_property
    def pool(self) -> np.ndarray | None:
        """What the names say of all texts; None where heads do not go by names, or no text is known."""
        if not self.apart and not self.ticked:
            return None
        if self._pool is None and self.unlabelled is not None:
            return coverage.shares(np.concatenate([self.unlabelled.prior, self.prior]))
        return self._pool

    def head(self, learnt: Head, indices: Sequence[int], blend: Blend | None) -> LinearHead:
        """The regression on some examples as a head, not calibrated."""
        problem = self.problem
        return LinearHead(
            self.kind.name, self.labels, self.standing, self.space.common,
            (learnt.weight @ self.space.basis.T).astype(np.float32), learnt.bias.astype(np.float32),
            self.counts(indices), blend or self.fading(indices), problem.centre, problem.scale,
        )  # fmt: skip

    def regression(
        self, indices: Sequence[int], guesses: Guesses | None, start: Head | None, seconds: float | None
    ) -> Head:
        """Learns from some examples, and from guesses that weigh as much as all of them."""
        problem, objective = self.problem, self.problem.objective
        features, targets, _ = problem.stack(indices, self.rows)
        faded = self.fading(indices)
        beside = 0.0 if self.apart else faded.share if faded else 1.0
        offset, _, _ = problem.stack(indices, beside * self.prior)
        weights = _weights(targets, len(self.labels)) if isinstance(objective, Softmax) else np.ones(len(targets))
        count = len(features)
        if guesses is not None and len(guesses.rows):
            ours = _weights(guesses.targets, len(self.labels)) * (count / len(guesses.rows))
            features = np.concatenate([features, guesses.rows])
            offset = np.concatenate([offset, beside * guesses.prior])
            targets, weights = np.concatenate([targets, guesses.targets]), np.concatenate([weights, ours])
        pinned = None
        if isinstance(objective, Softmax):
            pinned = np.bincount(targets.astype(int), minlength=len(self.labels)) == 0
        few = count < FEW and not self.apart
        dear: float | None = NAMED_BIAS if self.ticked else FEW_BIAS if few else BIAS
        nothing = Head(np.zeros((offset.shape[1], features.shape[1])), np.zeros(offset.shape[1]))
        return fit(
            objective, features.astype(np.float64), targets, nothing, PENALTY / weights.sum(),
            weights=weights / weights.mean(), pinned=pinned, bias=None if self.kind.row is Row.PAIR else dear,
            offset=offset, start=start, seconds=seconds, tolerance=TOLERANCE,
        )  # fmt: skip

    def said(
        self, learnt: Head, indices: Sequence[int], rows: np.ndarray, prior: np.ndarray, blend: Blend | None
    ) -> np.ndarray:
        """Standardised logits of rows in the space, by a regression on some examples."""
        counts = self.counts(indices)
        return counts.together(rows @ learnt.weight.T + learnt.bias, prior, blend or self.fading(indices))

    def guessed(
        self, learnt: Head, indices: Sequence[int], blend: Blend | None, seconds: float | None
    ) -> tuple[Head, Guesses | None]:
        """A regression on some examples, taught by its own best guesses, twice."""
        guesses, loose = None, self.unlabelled
        for _ in range(2 if loose is not None else 0):
            assert loose is not None
            logits = self.said(learnt, indices, loose.rows, loose.prior, blend)
            guesses = guess(loose.rows, loose.prior, logits, self.classes(indices))
            learnt = self.regression(indices, guesses, learnt, seconds)
        return learnt, guesses

    @property
    def can_guess(self) -> bool:
        """Whether one option of several is right, and there are texts to guess on."""
        softmax = isinstance(self.problem.objective, Softmax) and self.kind.row is Row.TEXT
        return softmax and self.unlabelled is not None and len(self.unlabelled.rows) > len(self.seen)


def labels_of(question: Question) -> tuple[str, ...]:
    """What a head's outputs are called."""
    return tuple(kind_of(question).config(question)["id2label"].values())


def _weights(targets: np.ndarray, classes: int) -> np.ndarray:
    """All classes weigh the same."""
    numbers = targets.astype(int)
    return class_weights([numbers], classes, 1.0)[numbers]
