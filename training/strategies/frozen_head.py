"""A regression on the frozen encoder's features; its strength, and the weight of the names, by cross-validation."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np

from labelwheel.training.kinds.base import Row
from labelwheel.training.kinds.objectives import Softmax, class_weights
from labelwheel.training.kinds.scaling import TEMPERATURE
from labelwheel.training.model import pad_token
from labelwheel.training.shared_features import Embed
from labelwheel.training.strategies import calibration, shrinkage
from labelwheel.training.strategies.folds import Fold
from labelwheel.training.strategies.label_names import directions, names_head
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.regression import Head, fit
from labelwheel.training.strategies.shrinkage import Setting

logger = logging.getLogger(__name__)

PENALTIES = (1.0, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
SHARES = (0.5, 0.25, 0.0)
"""How much of the names' say is kept as the prior, instead of all of it; tried with the best strength of those. Each
with each strength takes three times as long and finds nothing better: 48 to 250 labels of trec6, snips, sst2 and
vader_tweets, 36 draws, accuracy .742 on texts kept apart, and .747 (the difference has a standard error of .005)."""

LOG_LOSS_SHARE = 0.2
"""How much the calibrated log loss weighs beside the loss of the answers: it tells apart what answers alike."""

_LARGE = 2e8  # multiplications in a pass: beyond it, fewer strengths are tried


class Guessed(NamedTuple):
    """What texts without a label are taken for: features as long as the labelled ones (guesses, width), and targets.

    All of them together weigh `share` times what all labels do.
    """

    rows: np.ndarray
    targets: np.ndarray
    share: float = 1.0


@dataclass
class Frozen:
    """The regression on one problem. `features` has an array for each encoding, `names` (options, features) or None.

    `names` are of length 1; `names_norm` is how long the model's features of them are.
    """

    problem: Problem
    features: Sequence[np.ndarray]
    names: np.ndarray | None
    names_norm: float = 1.0
    unit: float = field(init=False)

    def __post_init__(self) -> None:
        norms = [float(np.sqrt((row.astype(np.float64) ** 2).sum(-1)).mean()) for row in self.features]
        self.unit = float(np.mean(norms)) if norms else 1.0
        self.features = [row / np.float32(self.unit) for row in self.features]

    @classmethod
    def build(cls, problem: Problem, base: Any, tokenizer: Any, max_length: int, embed: Embed) -> Frozen:
        """Embeds the problem's texts, and what its options are called."""
        features = embed(base, problem.encodings, pad_token(tokenizer)) if problem.encodings else []
        said = directions(problem.question, base, tokenizer, max_length)
        return cls(problem, features, *(said or (None,)))

    def prior(self, share: float, named: bool = True) -> Head:
        """What the names say, in the units of the (shortened) features; nothing where they are not `named`."""
        classes, width = len(self.problem.id2label), self.features[0].shape[-1] if self.features else 0
        if self.names is None or not named:
            return Head(np.zeros((classes, width)), np.zeros(classes))
        return names_head(self.names, self.problem.kind, share)

    def fit(
        self, indices: Sequence[int], setting: Setting, guesses: Guessed | None = None, start: Head | None = None
    ) -> Head:
        """Learn from some examples, and of whole texts from guesses.

        The search for the best weights begins at `start`, which changes how long it takes and nothing else.
        """
        problem = self.problem
        features, targets, _ = problem.stack(indices, self.features)
        weights = pinned = None
        prior = self.prior(setting.share, setting.named)
        classes, guesses = len(prior.bias), guesses if guesses is not None and len(guesses.targets) else None
        if isinstance(problem.objective, Softmax):
            counts = np.bincount(targets.astype(int), minlength=classes)
            counts += 0 if guesses is None else np.bincount(guesses.targets, minlength=classes)
            if problem.objective.weighted:
                weights = class_weights([targets], classes, setting.balance)[targets.astype(int)]
        else:
            counts = targets.sum(axis=0) + (0 if guesses is None else guesses.targets.sum(axis=0))
        if self.names is not None and setting.named:
            pinned = counts == 0
            if pinned.any():
                prior = self._beside_names(prior, pinned)
        penalty = setting.penalty
        if guesses is not None:
            ours = np.ones(len(guesses.targets))
            if isinstance(problem.objective, Softmax):
                ours = class_weights([guesses.targets], classes, setting.balance)[guesses.targets]
            theirs = np.ones(len(targets)) if weights is None else weights
            weights = np.concatenate([theirs, ours * (guesses.share * theirs.sum() / ours.sum())])
            weights, penalty = weights / weights.mean(), penalty / (1 + guesses.share)
            features, targets = np.concatenate([features, guesses.rows]), np.concatenate([targets, guesses.targets])
        return fit(
            problem.objective,
            features.astype(np.float64),
            targets,
            prior,
            penalty,
            weights=weights,
            pinned=pinned,
            bias=None if problem.kind.row is Row.PAIR else setting.bias,
            start=start,
        )

    def _beside_names(self, prior: Head, unused: np.ndarray) -> Head:
        """The prior while nobody has used some classes: they have their names, and no example could show a wrong share.

        Classes that exclude each other all keep the names' whole say then, or they would not be on one scale. Measured
        with a class withheld, 20 and 40 labels, mean accuracy over six draws: SNIPS .786 .820 (else at best .773 .808),
        TREC .427 .484 (.406 .460), banking77 .610 .620 (.584 .602).
        """
        full = self.prior(1.0)
        if isinstance(self.problem.objective, Softmax):
            return full
        prior.weight[unused], prior.bias[unused] = full.weight[unused], full.bias[unused]
        return prior

    def logits(self, head: Head, indices: Sequence[int]) -> dict[int, np.ndarray]:
        """Standardised logits of some examples, by encoding number."""
        return {place: head(self.features[place]) for place in self.problem.encoded(indices)}

    def written(self, head: Head) -> Head:
        """The head for the model itself: in the units of its features, answering in the units of the question."""
        return Head(head.weight / self.unit * self.problem.scale, head.bias * self.problem.scale + self.problem.centre)

    def strengths(self, named: bool = True) -> list[Setting]:
        """What is worth trying with all of the names' say, the most held back first."""
        share = 1.0 if self.names is not None and named else 0.0
        size = sum(row.size for row in self.features) * len(self.problem.id2label)
        penalties = self.problem.kind.penalties or (PENALTIES if size < _LARGE else PENALTIES[4::2])
        return [Setting(share, penalty, named=named) for penalty in penalties]

    def search(self, indices: Sequence[int], folds: Sequence[Fold], seconds: float) -> Setting:
        """The best setting by cross-validation on folds of some examples; while those are few, the fixed one.

        Where there is a fixed one at all, it stays unless another is better by more than a standard error. Names that
        mislead are left out; without folds they keep all their say.
        """
        problem = self.problem
        named = not shrinkage.misled(self, indices, folds)
        if shrinkage.is_few(problem, indices):
            return shrinkage.held(problem, indices, named)
        best = Setting(1.0 if self.names is not None else 0.0, 0.01)
        if not folds:
            return best
        measured = [index for _, measure in folds for index in measure]
        least = anchor = None
        if problem.kind.held_to_names:
            logits: dict[int, np.ndarray] = {}
            for learn, measure in folds:
                logits |= self.logits(self.fit(learn, shrinkage.held(problem, learn, named)), measure)
            best, least = shrinkage.held(problem, indices, named), self._losses(measured, logits)
            anchor = best, least
        start, last, tried = time.monotonic(), list[Head](), list[tuple[float, Setting]]()
        queue = self.strengths(named)
        while queue:
            if least is not None and time.monotonic() - start > seconds:
                logger.info("The search for the regression's strength stops after %.0f s", seconds)
                break
            setting = queue.pop(0)
            # from one strength to the next, so that each regression is near to the one before
            last = [self.fit(learn, setting, start=one) for (learn, _), one in zip_longest(folds, last)]
            logits = {}
            for head, (_, measure) in zip(last, folds, strict=True):
                logits |= self.logits(head, measure)
            losses = self._losses(measured, logits)
            logger.debug("%s: %.4f", setting, losses.mean())
            tried.append((float(losses.mean()), setting))
            if least is None or losses.mean() < least.mean() - 1e-9:
                best, least = setting, losses
            if not queue and setting.share == 1.0:
                strongest = min(tried, key=lambda one: one[0])[1]
                queue = [replace(strongest, share=share) for share in SHARES]
        if anchor is not None and least is not None:
            gain = anchor[1] - least
            if gain.mean() <= gain.std() / np.sqrt(max(len(gain) - 1, 1)):
                return anchor[0]
        return best

    def _losses(self, indices: Sequence[int], logits: dict[int, np.ndarray]) -> np.ndarray:
        """The losses of the answers, with the log loss as a finer measure of the same."""
        problem = self.problem
        values, targets, _ = problem.stack(indices, logits)
        if problem.kind.searched_by_loss:
            return problem.objective.losses(values, targets)
        settings = calibration.fit(problem, indices, logits)
        heat = settings.get(TEMPERATURE, 1.0)
        fine = problem.objective.losses(values / heat, targets)
        predictions = problem.predict(indices, logits, settings)
        losses = [
            problem.kind.score(problem.question, row.example, row.answer, prediction).loss
            for row, prediction in zip([problem.rows[i] for i in indices], predictions, strict=True)
        ]
        return np.asarray(losses) + LOG_LOSS_SHARE * fine
