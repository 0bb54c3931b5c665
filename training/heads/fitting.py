"""Fits the head of whole texts to the labels of this moment, in fractions of a second, and says how good it is.

While the encoder is as it was before any label, the regression learns by itself, and what the label names say counts
beside it, the less the more labels there are. On a champion that was tuned it learns what the labels add to what that
one says: of what it has learnt itself there is nothing left to add. It is also taught by its own best guesses on texts
without a label, from `TELLING` labels on only where that helps out of fold. Measured on five sets: names and regression
apart are ahead of a regression on top of them by .02 in the mean (SNIPS, 64 labels: .93 and .90).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from labelwheel.training.heads import coverage
from labelwheel.training.heads.blend import Blend, Counts, best, fading
from labelwheel.training.heads.guesses import Guesses, guess
from labelwheel.training.heads.linear import LinearHead, together
from labelwheel.training.heads.places import Places
from labelwheel.training.heads.seen import Seen, Unlabelled, numbered
from labelwheel.training.heads.space import Space
from labelwheel.training.heads.standing import Standing
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding, Row
from labelwheel.training.kinds.objectives import Softmax, class_weights
from labelwheel.training.questions import Prediction, Question
from labelwheel.training.strategies import calibration
from labelwheel.training.strategies.folds import Fold, folds
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.regression import BIAS, Head, fit

PENALTY = 0.1
"""Of the mean loss, over the number of labels: C = 10 in scikit-learn's terms."""

FEW_BIAS, FEW = 10.0, 32
"""While labels are few, classes are as frequent as people happened to come by them: biases are dear."""

TELLING = 64
"""With fewer labels, it is chance that says out of fold whether guesses help. Measured on TREC, SNIPS, SST-2 and the
demo's texts with 8 to 64 labels, random and skewed, 6 seeds: always is .036 better than never, .014 than asking."""

MOST = 4_000
"""So many of the newest labels are learnt from: what came before, the rounds have learnt."""

FOLDS = 5
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Fitted:
    """A head, what it was taught by guesses, and what heads like it say of each labelled example unseen.

    `out_of_fold` is empty where that was not asked for. `pool` is what the names say of all texts, as in `coverage`.
    """

    head: LinearHead
    space: Space
    guesses: Guesses | None
    out_of_fold: Sequence[Prediction]
    pool: np.ndarray | None = None


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
    def apart(self) -> bool:
        """Whether the regression is fitted by itself, beside the names."""
        return self.standing.names is not None and isinstance(self.problem.objective, Softmax)

    def classes(self, indices: Sequence[int]) -> list[int]:
        """The label's number of some examples, where one is right."""
        return [int(self.problem.targets[place]) for place in self.problem.encoded(indices)]

    def counts(self, indices: Sequence[int]) -> np.ndarray:
        """How often each label was seen among some examples."""
        found = self.classes(indices) if isinstance(self.problem.objective, Softmax) else range(len(self.labels))
        return np.bincount(found, minlength=len(self.labels))

    @cached_property
    def pool(self) -> np.ndarray | None:
        """What the names say of all texts; None where heads do not go by names, or no text is known."""
        if not self.apart or self._pool is not None or self.unlabelled is None:
            return self._pool if self.apart else None
        return coverage.shares(np.concatenate([self.unlabelled.prior, self.prior]))

    def elsewhere(self, indices: Sequence[int]) -> float:
        """The part of all texts of which some examples do not tell."""
        if self.pool is None:
            return 0.0
        places = self.problem.encoded(indices)
        return coverage.elsewhere(self.pool, self.prior[places], self.classes(indices), self.counts(indices))

    def head(self, learnt: Head, indices: Sequence[int], blend: Blend | None) -> LinearHead:
        """The regression on some examples as a head, not calibrated."""
        problem = self.problem
        return LinearHead(
            self.kind.name, self.labels, self.standing, self.space.common,
            (learnt.weight @ self.space.basis.T).astype(np.float32), learnt.bias.astype(np.float32),
            self.counts(indices), blend, problem.centre, problem.scale, elsewhere=self.elsewhere(indices),
        )  # fmt: skip

    def regression(
        self, indices: Sequence[int], guesses: Guesses | None, start: Head | None, seconds: float | None
    ) -> Head:
        """Learns from some examples, and from guesses that weigh as much as all of them."""
        problem, objective = self.problem, self.problem.objective
        features, targets, _ = problem.stack(indices, self.rows)
        offset, _, _ = problem.stack(indices, np.zeros_like(self.prior) if self.apart else self.prior)
        weights = _weights(targets, len(self.labels)) if isinstance(objective, Softmax) else np.ones(len(targets))
        count = len(features)
        if guesses is not None and len(guesses.rows):
            ours = _weights(guesses.targets, len(self.labels)) * (count / len(guesses.rows))
            beside = np.zeros_like(guesses.prior) if self.apart else guesses.prior
            features, offset = np.concatenate([features, guesses.rows]), np.concatenate([offset, beside])
            targets, weights = np.concatenate([targets, guesses.targets]), np.concatenate([weights, ours])
        pinned = None
        if isinstance(objective, Softmax):
            pinned = np.bincount(targets.astype(int), minlength=len(self.labels)) == 0
        dear: float | None = FEW_BIAS if count < FEW and not self.apart else BIAS
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
        return together(
            rows @ learnt.weight.T + learnt.bias, prior, self.counts(indices), blend, self.elsewhere(indices)
        )

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


def follow(bench: Bench, last: Fitted, seconds: float) -> Fitted:
    """The last head with the labels of this moment, calibrated and taught by guesses as that one: what a label costs.

    `last` has to stand on the same champion.
    """
    start, everything = _warm(bench, last.head), range(len(bench.seen))
    guesses = last.guesses if start is not None and last.space is bench.space else None
    learnt = bench.regression(everything, guesses, start, seconds)
    head = bench.head(learnt, everything, last.head.blend if bench.apart else None)
    return Fitted(
        replace(head, calibration={**last.head.calibration, **bench.problem.habits}),
        bench.space,
        guesses,
        [],
        bench.pool,
    )


def measure(bench: Bench, seconds: float) -> Fitted:
    """A head fitted to all labels, blended and calibrated by what heads like it say out of fold.

    It takes about so many seconds.
    """
    problem, everything = bench.problem, range(len(bench.seen))
    logits, blend, guessing = out_of_fold(bench, seconds)
    learnt, guesses = bench.regression(everything, None, None, seconds), None
    if guessing:
        learnt, guesses = bench.guessed(learnt, everything, blend, seconds)
    measured = sorted({problem.encodings[place].example for place in logits})
    found = calibration.fit(problem, measured, logits)
    said: list[Prediction] = [Prediction()] * len(bench.seen)
    for index, one in zip(measured, problem.predict(measured, logits, found), strict=True):
        said[index] = one
    return Fitted(
        replace(bench.head(learnt, everything, blend), calibration=found), bench.space, guesses, said, bench.pool
    )


def unseen(fitted: Fitted, bench: Bench, held: Sequence[Seen]) -> list[Prediction]:
    """What a head of whole texts says of examples that are held out."""
    values = fitted.head.values(
        [row for one in held for row in one.features], [row for one in held for row in one.logits]
    )
    return fitted.head.decode(bench.question, [one.row.example for one in held], numbered(held), values)


def out_of_fold(bench: Bench, seconds: float) -> tuple[dict[int, np.ndarray], Blend | None, bool]:
    """Logits by encoding of heads that have not seen it, how they are blended, and whether guesses make them better."""
    problem = bench.problem
    split = folds(problem.strata, [row.group for row in problem.rows], FOLDS, bench.seed)
    each = seconds / (4 * FOLDS)
    learnt = [bench.regression(learn, None, None, each) for learn, _ in split]
    blend = _blend(bench, split, learnt) if bench.apart else None
    ways = [_all(bench, split, learnt, blend)]
    if bench.can_guess and split:
        taught = [bench.guessed(one, learn, blend, each)[0] for one, (learn, _) in zip(learnt, split, strict=True)]
        ways.append(_all(bench, split, taught, blend))
    guessing = len(ways) > 1 and (len(bench.seen) < TELLING or _lost(problem, ways[1]) < _lost(problem, ways[0]))
    return ways[guessing], blend, guessing


def _blend(bench: Bench, split: Sequence[Fold], learnt: Sequence[Head]) -> Blend:
    """How the regression and the names are best put together, on what neither has seen."""
    if not split:
        return fading(len(bench.seen), len(bench.labels))
    likely, places = list[np.ndarray](), list[int]()
    for one, (learn, measured) in zip(learnt, split, strict=True):
        there = bench.problem.encoded(measured)
        counts = Counts(bench.counts(learn), bench.elsewhere(learn))
        likely.append(counts.likely(bench.rows[there] @ one.weight.T + one.bias))
        places += there
    targets = [int(bench.problem.targets[place]) for place in places]
    return best(
        np.concatenate(likely), bench.prior[places], targets, len(bench.labels), bench.elsewhere(range(len(bench.seen)))
    )


def _all(bench: Bench, split: Sequence[Fold], learnt: Sequence[Head], blend: Blend | None) -> dict[int, np.ndarray]:
    """The logits of what each fold measures, by encoding."""
    found: dict[int, np.ndarray] = {}
    for one, (learn, measured) in zip(learnt, split, strict=True):
        places = bench.problem.encoded(measured)
        said = bench.said(one, learn, bench.rows[places], bench.prior[places], blend)
        found |= dict(zip(places, said, strict=True))
    return found


def _lost(problem: Problem, logits: dict[int, np.ndarray]) -> float:
    """The mean loss of what was measured."""
    if not logits:
        return 0.0
    measured = sorted({problem.encodings[place].example for place in logits})
    values, targets, _ = problem.stack(measured, logits)
    return float(np.mean(problem.objective.losses(values, targets)))


def _weights(targets: np.ndarray, classes: int) -> np.ndarray:
    """All classes weigh the same."""
    numbers = targets.astype(int)
    return class_weights([numbers], classes, 1.0)[numbers]


def _warm(bench: Bench, last: LinearHead) -> Head | None:
    """Where the search begins: at the last head, if it is one of the same labels on the same champion."""
    if last.labels != bench.labels or not last.standing.like(bench.standing):
        return None
    return Head(last.weight.astype(np.float64) @ bench.space.basis, last.bias.astype(np.float64))


def labels_of(question: Question) -> tuple[str, ...]:
    """What a head's outputs are called."""
    return tuple(kind_of(question).config(question)["id2label"].values())
