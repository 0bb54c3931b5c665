"""All that a round tries on the training side, and what it proposes. The held-out part is never looked at here."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labelwheel.training.checkpoints import layered_head
from labelwheel.training.elsewhere import Written
from labelwheel.training.entry_points import line
from labelwheel.training.errors import InvalidJob, OutOfMemory, TooFewLabels
from labelwheel.training.evaluation.findings import Epoch, Trial
from labelwheel.training.heads.base import FastHead
from labelwheel.training.questions import Prediction
from labelwheel.training.strategies import allowance, cross_fitting, registry
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.materials import Materials
from labelwheel.training.strategies.outcome import Choice, Outcome, choose

logger = logging.getLogger(__name__)

_PERCENT = {Cost.SECONDS: (0, 30), Cost.MINUTES: (30, 65), Cost.MONEY: (65, 70)}
"""Of the whole job: where the strategies of a cost begin, and where they end at the latest."""

_EXPECTED = (TimeoutError, OutOfMemory)
"""What any strategy may raise where what is left does not suffice."""


@dataclass
class Proposal:
    """The challenger: a model on its labels, and how it was chosen. `outcome` has its strategy's out-of-fold
    predictions, `unseen` those of such a choice (`cross_fitting`), by example number.

    A `head` answers in the place of the module's last layer, if there is one. `calibrated` is what makes the module's
    scores true, where that is not what does so for those out of fold. A `foreign` model answers wherever it does.
    """

    module: Any
    strategy: type[Strategy]
    outcome: Outcome
    reason: str
    trials: Sequence[Trial] = ()
    curve: Sequence[Epoch] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    head: FastHead | None = None
    calibrated: Mapping[str, float] | None = None
    foreign: Written | None = None
    unseen: Mapping[int, Prediction] = field(default_factory=dict)

    @property
    def calibration(self) -> dict[str, float]:
        """For the checkpoint's manifest."""
        return dict(self.outcome.calibration if self.calibrated is None else self.calibrated)

    @property
    def files(self) -> dict[str, bytes]:
        """What lies in the checkpoint beside the module."""
        head = {layered_head.FILE: self.head.dump()} if self.head else {}
        return head | ({self.foreign.entry.content: self.foreign.content} if self.foreign else {})


class Selection:
    """One round's tries. Each strategy is made anew from what is given, and is told nothing else."""

    def __init__(self, given: Materials) -> None:
        self.given = given
        self.trials: list[Trial] = []
        self._allowed = ""  # what notes say of the time that labels allow
        self._replaced: set[type[Strategy]] = set()
        able = [each for each in registry.strategies() if self._able(each)]
        self._strategies = [made for each in able if (made := self._made(each)) is not None]

    def _able(self, strategy: type[Strategy]) -> bool:
        """Whether it can give the answers that are asked for; who named one hears where it cannot."""
        able = strategy.free or not self.given.problem.kind.free
        if strategy.asked and not able and not registry.comes_along(strategy):
            self.given.notes.append(f"{strategy.name}: not tried, it is not asked for people's own words")
        return able

    def before_labels(self) -> Proposal:
        """What answers while there are no labels: the first strategy that needs none, those that somebody named before
        all others. Raises TooFewLabels.
        """
        for strategy in sorted(self._strategies, key=lambda each: not each.asked):
            if not strategy.learns and self._applies(strategy):
                outcome, finished = strategy.measure(), strategy.finish()
                reason = "it needs no labels"
                return Proposal(
                    finished.module, type(strategy), outcome, reason, settings=finished.settings,
                    foreign=finished.foreign, unseen=cross_fitting.answers(self.given.layout, [outcome]),
                )  # fmt: skip
        raise TooFewLabels(
            f"{self.given.problem.question.name!r} cannot be answered without labels; label some examples"
        )

    def propose(self, dearest: Cost = Cost.MINUTES) -> Proposal:
        """Try everything that the labels and the time allow, and train the best on all labels.

        Nothing that costs more than `dearest` is tried where anything else came of the labels, and what trains the
        encoder has no more time than the labels allow; the final training has whatever the job has. Raises InvalidJob
        where nothing came of any.
        """
        tried, choice = self.weigh(dearest)
        winner = next(each for each, outcome in tried if outcome is choice.outcome)
        strategy, outcome, reason, finished = self._finish(winner, choice.outcome, choice.reason, tried[0])
        curve = next((each for each in (outcome.curve, *(other.curve for _, other in tried)) if each), ())
        # where the best could not be finished nothing was chosen
        chosen = self._in_order(tried) if strategy is winner else [outcome]
        unseen = cross_fitting.answers(self.given.layout, chosen, _continued(tried))
        return Proposal(
            finished.module, type(strategy), outcome, reason, self.trials, curve, finished.settings, finished.head,
            finished.calibration, finished.foreign, unseen,
        )  # fmt: skip

    def weigh(self, dearest: Cost) -> tuple[list[tuple[Strategy, Outcome]], Choice]:
        """All that was measured, the cheapest first, and what is best of it; as `propose` tries and raises.

        A strategy that was tuned for these labels has been found to be ahead: the others have to beat it.
        """
        begin = time.monotonic()
        tried = self._try_all(Cost.SECONDS)
        everything = dearest >= Cost.MINUTES or not tried
        tried += self._try_dear(time.monotonic() - begin, everything)
        tried += self._try_all(Cost.MONEY)  # last: it has to beat all that costs nothing to ask
        if not tried:
            raise InvalidJob("; ".join(["nothing could be learnt in the time and memory there is", *self.given.notes]))
        return tried, choose(self._in_order(tried), _continued(tried))

    def _in_order(self, tried: Sequence[tuple[Strategy, Outcome]]) -> list[Outcome]:
        """The one first that all others have to beat."""
        tuned = self.given.tuned
        order = sorted(tried, key=lambda pair: tuned is None or pair[0].name != tuned.strategy)
        return [outcome for _, outcome in order]

    def measure(self, name: str) -> tuple[Strategy, Outcome] | None:
        """One strategy alone, in the time that a round would give it; None where it does not apply, or was given up."""
        strategy = next((each for each in self._strategies if each.name == name), None)
        if strategy is None or not self._applies(strategy):
            return None
        with self.given.budget.part(allowance.seconds(len(self.given.problem), 0.0)):
            outcome = self._try(strategy)
        return None if outcome is None else (strategy, outcome)

    def _try_dear(self, cheap: float, everything: bool) -> list[tuple[Strategy, Outcome]]:
        """All of them, or those alone that somebody asked for."""
        labels = len(self.given.problem)
        allowed = allowance.seconds(labels, cheap)
        with self.given.budget.part(allowed) as less:
            self._allowed = f"; {labels} labels allow {allowed:.0f} s for all such tries" if less else ""
            return self._try_all(Cost.MINUTES, everything)

    def _try_all(self, cost: Cost, everything: bool = True) -> list[tuple[Strategy, Outcome]]:
        """Those of one cost that may be proposed, with what they achieved."""
        begin, end = _PERCENT[cost]
        left = (each for each in self._strategies if each.cost is cost and type(each) not in self._replaced)
        there, found = [each for each in left if (everything or each.asked) and self._applies(each)], []
        for number, strategy in enumerate(there, start=1):
            if type(strategy) in self._replaced:
                continue
            with self.given.progress.phase(f"Trying: {strategy.name}", begin + (end - begin) * number / len(there)):
                outcome = self._try(strategy)
            if outcome is None:
                continue
            self._replaced.update(strategy.replaces())
            if strategy.learns:
                found.append((strategy, outcome))
        return found

    def _made(self, strategy: type[Strategy]) -> Strategy | None:
        try:
            return strategy(self.given)
        except Exception as error:
            self._leave_out(strategy, error)
            return None

    def _applies(self, strategy: Strategy) -> bool:
        try:
            return strategy.applies()
        except Exception as error:
            self._leave_out(type(strategy), error)
            return False

    def _leave_out(self, strategy: type[Strategy], error: Exception) -> None:
        """Another's package costs its own strategy and no other; a fault of ours is not hidden."""
        if registry.comes_along(strategy):
            raise error
        logger.warning("%s cannot be tried", strategy.name, exc_info=error)
        self.given.notes.append(f"{strategy.name} cannot be tried: {line(error)}")

    def _try(self, strategy: Strategy) -> Outcome | None:
        begin = time.monotonic()
        try:
            outcome = strategy.measure()
        except Exception as error:
            if not _is_its_own(strategy, error):
                raise
            logger.warning("%s was given up: %s", strategy.name, error, exc_info=not isinstance(error, _EXPECTED))
            seconds = round(time.monotonic() - begin, 1)
            self.trials.append(Trial(name=strategy.name, score=None, seconds=seconds, detail=_told(error)))
            bound = self._allowed if isinstance(error, TimeoutError) else ""
            self.given.notes.append(f"{strategy.name} was given up: {_told(error)}{bound}")
            return None
        trial = outcome.trial
        if outcome.indices or strategy.learns:  # a yardstick that could measure nothing is none
            self.trials.append(trial)
            score = "not measured" if trial.score is None else f"{trial.score:.3f}"
            logger.info("%s: %s (%s)", strategy.name, score, outcome.detail)
        return outcome

    def _finish(
        self, winner: Strategy, outcome: Outcome, reason: str, cheapest: tuple[Strategy, Outcome]
    ) -> tuple[Strategy, Outcome, str, Finished]:
        """The winner's model, or the cheapest strategy's where there is no time or memory for it."""
        try:
            with self.given.progress.phase("Training on all labels", 80):
                return winner, outcome, reason, winner.finish()
        except Exception as error:
            if winner is cheapest[0] or not _is_its_own(winner, error):
                raise
            reason = f"{winner.name} won, but {_told(error)}"
            self.given.notes.append(reason)
            return *cheapest, reason, cheapest[0].finish()


def _continued(tried: Sequence[tuple[Strategy, Outcome]]) -> frozenset[str]:
    return frozenset(each.name for each, _ in tried if each.continues)


def _is_its_own(strategy: Strategy, error: Exception) -> bool:
    """Whether the round goes on without a strategy that raised."""
    return isinstance(error, _EXPECTED) or not registry.comes_along(type(strategy))


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, _EXPECTED) else line(error)
