"""How far the score hangs on chance: the strategy that was chosen, fitted again with other seeds, and to other labels.

A seed deals folds, batches, first weights and whatever else a strategy leaves to chance. Many a regression leaves
nothing to it: then its answers are the same each time, which is said, and labels drawn anew (a bootstrap of the groups
of training labels) tell how firm the score is. Those that train the encoder are fitted again only where that takes no
more than a part of the inspection's time.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from labelwheel.training import encoders
from labelwheel.training.answering import answerer
from labelwheel.training.errors import OutOfMemory
from labelwheel.training.evaluation.markdown import number
from labelwheel.training.evaluation.rewriting import differs
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.model import pad_token
from labelwheel.training.progress import Listener, Progress
from labelwheel.training.questions import Prediction
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.strategies import allowance, registry
from labelwheel.training.strategies.base import Cost, Strategy
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.materials import Budget, Materials
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.selection import Proposal
from labelwheel.training.unlabelled import UnlabelledTexts

log = logging.getLogger(__name__)

TIMES, LEAST = 5, 2
"""Refits with other seeds, and to labels drawn anew; of fewer than `LEAST` nothing is said."""

CHEAP_SECONDS, SHARE = 60.0, 1 / 6
"""For all refits of one sort of a strategy that takes seconds; and what any has at most, of the inspection's time."""

ROUND_SECONDS = 1800.0
"""What a strategy is told that it has, as in a round: with less it would train less, and that is no matter of seeds."""

MOST = 500
"""So many held-out texts are answered by each."""

_WITH_LAST = 4 / 3  # a try has three parts, and then comes the training on all labels


def spread(
    subject: Subject, rows: Sequence[LabelledExample], answers: Sequence[Sequence[Prediction]]
) -> dict[str, Any]:
    """How the score and the answers of two or more models to the same rows vary."""
    scores = [subject.kind.headline(subject.scored(rows, each)) for each in answers]
    other = [
        differs(subject, one.answer, two.answer, row.example)
        for left, right in combinations(answers, 2)
        for one, two, row in zip(left, right, rows, strict=True)
    ]
    return {
        "refits": len(answers), "mean": float(np.mean(scores)),
        "deviation": float(np.std(scores, ddof=1)) if min(scores) < max(scores) else 0.0,
        "low": min(scores), "high": max(scores), "other_answers": float(np.mean(other)),
    }  # fmt: skip


def look(subject: Subject) -> dict[str, Any]:
    """`seeds` and `drawn` are a `spread` each, None where there is none; `fixed` where seeds change no answer.

    `problem` says why nothing is told of seeds, in `minutes` where it would take too long. Empty where nobody knows
    how the checkpoint was learnt.
    """
    if (learnt := subject.learnt) is None:
        return {}
    rows = subject.measured[:MOST]
    found: dict[str, Any] = {
        "strategy": learnt.strategy, "labels": 0, "examples": len(rows),
        "score": subject.kind.headline(subject.scores[:MOST]),
        "seeds": None, "drawn": None, "fixed": False, "problem": "", "minutes": None,
    }  # fmt: skip
    strategy = next((each for each in registry.strategies() if each.name == learnt.strategy), None)
    if strategy is None:
        return {**found, "problem": "it is not installed here"}
    if not strategy.learns:
        return {**found, "problem": "it learns from no label, and leaves nothing to chance"}
    if strategy.continues:
        return {**found, "problem": "it starts from the checkpoint before it, which an inspection does not have"}
    if subject.base.name != learnt.base_model:
        return {**found, "problem": f"it was learnt from another base model, {learnt.base_model}"}
    expected, cheap = learnt.seconds * _WITH_LAST, strategy.cost is Cost.SECONDS
    allowed = min(SHARE * subject.minutes * 60, CHEAP_SECONDS if cheap else math.inf)
    if not cheap and LEAST * expected > allowed:
        return {**found, **_too_long(expected)}
    refits = _Refits(subject, strategy, rows)
    seeds = [(subject.seed + step, refits.train) for step in range(1, TIMES + 1)]
    answers, problem = refits.answers(seeds, allowed, expected)
    found["labels"] = len(refits.train)
    if len(answers) < LEAST:
        return {**found, **problem}
    found["seeds"] = spread(subject, rows, answers)
    found["fixed"] = found["seeds"]["other_answers"] == 0 and found["seeds"]["low"] == found["seeds"]["high"]
    if cheap:
        draws = [(subject.seed, refits.drawn(step)) for step in range(1, TIMES + 1)]
        answers, _ = refits.answers(draws, allowed, expected)
        found["drawn"] = spread(subject, rows, answers) if len(answers) >= LEAST else None
    return found


def render(found: Mapping[str, Any]) -> str:
    """Sentences; empty where there is nothing to say."""
    if not found:
        return ""
    name, seeds, drawn = found["strategy"], found["seeds"], found["drawn"]
    if seeds is None:
        return f"How much the seed matters was not measured for the {name}: {found['problem']}."
    if found["fixed"]:
        said = (
            f"The seed changes nothing: the {name}, fitted with {seeds['refits']} others, answers the same each time."
        )
    else:
        said = f"Fitted with {seeds['refits']} other seeds, the {name} scores {_spread(seeds)}."
    served = f"What is served has {number(found['score'])} on the same {found['examples']:,} examples."
    labels = f"With labels drawn anew ({drawn['refits']} bootstraps) it scores {_spread(drawn)}." if drawn else ""
    return " ".join(filter(None, [said, labels, served]))


def _spread(row: Mapping[str, Any]) -> str:
    return (
        f"{number(row['mean'])} ± {number(row['deviation'])} ({number(row['low'])} to {number(row['high'])}), and "
        f"{row['other_answers']:.1%} of the answers differ"
    )


def _too_long(seconds: float) -> dict[str, Any]:
    """Of one refit, as far as is known."""
    minutes = math.ceil(TIMES * seconds / 60)
    about = f"it would take about {minutes} minute{'' if minutes == 1 else 's'}"
    return {"minutes": minutes, "problem": f"{about}, more than its sixth of LABELWHEEL_INSPECT_MINUTES"}


class _Watch(Progress):
    """Ends what reports to it when the time is over."""

    def __init__(self, end: float) -> None:
        super().__init__(Listener())
        self._end = end

    def update(self, share: float, metrics: Mapping[str, Any] | None = None, force: bool = False) -> None:
        if time.monotonic() > self._end:
            raise TimeoutError("the time for another seed is over")


@dataclass(eq=False)
class _Refits:
    """A strategy's on a subject's training labels, or some of them, and what they answer to `rows`."""

    subject: Subject
    strategy: type[Strategy]
    rows: Sequence[LabelledExample]
    _features: dict[tuple[int, ...], np.ndarray] = field(default_factory=dict)

    @property
    def train(self) -> list[LabelledExample]:
        return [row for row in self.subject.rows if row.part is Part.TRAIN]

    def drawn(self, step: int) -> list[LabelledExample]:
        """As many groups of labels as there are, with replacement."""
        groups: dict[str, list[LabelledExample]] = {}
        for row in self.train:
            groups.setdefault(row.group, []).append(row)
        chance = np.random.default_rng([self.subject.seed, step])
        chosen = chance.choice(sorted(groups), len(groups)) if groups else ()
        return [row for name in chosen for row in groups[str(name)]]

    def answers(
        self, asked: Sequence[tuple[int, Sequence[LabelledExample]]], seconds: float, expected: float
    ) -> tuple[list[list[Prediction]], dict[str, Any]]:
        """What refits with a seed and labels each answer, as many as the time allows; and why there are no more."""
        found: list[list[Prediction]] = []
        begin, longest = time.monotonic(), 0.0
        for seed, train in asked:
            begun = time.monotonic()
            if found and begun + longest > begin + seconds:
                break
            try:
                answers = self._answers(seed, train, begin + seconds)
            except TimeoutError:
                return found, _too_long(max(expected, time.monotonic() - begun))
            except OutOfMemory:
                return found, {"problem": "it takes more memory than there is"}
            except Exception as error:  # the rest of the section does without
                log.exception("%s could not be fitted again", self.strategy.name)
                return found, {"problem": f"it failed, by a {type(error).__name__}"}
            if answers is None:
                return found, {"problem": "it would not be tried on what an inspection has of today's labels"}
            found.append(answers)
            longest = max(longest, time.monotonic() - begun)
        return found, _too_long(max(expected, longest))

    def _answers(self, seed: int, train: Sequence[LabelledExample], end: float) -> list[Prediction] | None:
        """None where the strategy does not apply."""
        given = self._materials(seed, train, end)
        strategy = self.strategy(given)
        if not strategy.applies():
            return None
        cheap = strategy.cost is Cost.SECONDS
        with given.budget.part(ROUND_SECONDS if cheap else allowance.seconds(len(given.problem), 0.0)):
            outcome = strategy.measure()
        finished = strategy.finish()
        proposal = Proposal(
            finished.module, self.strategy, outcome, "", head=finished.head, calibrated=finished.calibration
        )
        base = self.subject.base
        if finished.head is None and encoders.digest(finished.module) == encoders.digest(base.module):
            return self._by_features(proposal)
        found = answerer(proposal, base)([row.example for row in self.rows])
        return [self.subject.kind.shown(one, self.subject.hide_below) for one in found]

    def _materials(self, seed: int, train: Sequence[LabelledExample], end: float) -> Materials:
        subject, base = self.subject, self.subject.base
        words = base.tokenizer, base.max_length
        problem = Problem.build(subject.question, subject.kind, train, *words, subject.hide_below)
        return Materials(
            problem, base.module, base.tokenizer, Frozen.build(problem, base.module, *words, self._embed), None,
            base.max_length, seed, Budget(time.monotonic() + ROUND_SECONDS), _Watch(end), base.name,
            unlabelled=UnlabelledTexts(subject.question, subject.unlabelled, subject.rows, *words)
            if subject.unlabelled else None,
            tuned=subject.tuned,
        )  # fmt: skip

    def _by_features(self, proposal: Proposal) -> list[Prediction]:
        """What a head on the frozen encoder answers, without reading the texts again."""
        subject, base = self.subject, self.subject.base
        examples = [row.example for row in self.rows]
        encodings, (weight, bias) = base.read(examples), encoders.read_head(proposal.module)
        logits = [row @ weight.T + bias for row in self._embed(base.module, encodings, pad_token(base.tokenizer))]
        labels = proposal.outcome.problem.id2label
        found = subject.kind.decode(subject.question, examples, encodings, logits, labels, proposal.calibration)
        return [subject.kind.shown(one, subject.hide_below) for one in found]

    def _embed(self, module: Any, encodings: Sequence[Encoding], pad: int) -> list[np.ndarray]:
        """As the subject does, each text once: what it is batched with would move its features by a rounding."""
        keys = [tuple(each.input_ids) for each in encodings]
        new = {key: each for key, each in zip(keys, encodings, strict=True) if key not in self._features}
        if new:
            rows = self.subject.embed(module, list(new.values()), pad)
            self._features.update(zip(new, rows, strict=True))
        return [self._features[key] for key in keys]
