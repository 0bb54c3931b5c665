"""Ours from the first label on, as people are served: names, then heads that follow each label, then champions.

A fifth of the labels is held out: no round learns from it, heads do. After each label the fast lane fits a head, and
measures such heads when the labels have grown by a sixteenth; a round starts when they have grown by a quarter. The
light gate and the gate say what is served. A round is done before the next label comes; its learning curve and its
graph for serving are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.labels.champion import Served
from benchmarks.labels.field import Field
from benchmarks.labels.lanes import by_head
from benchmarks.labels.learning import Answerer, Learnt, cpu_seconds
from benchmarks.labels.simple import UNLABELLED
from benchmarks.rounds import HELD_OUT
from labelwheel.backend.revisions import light_gate, measurement
from labelwheel.backend.revisions.lane import GROWTH
from labelwheel.backend.revisions.measurement import Measured
from labelwheel.backend.revisions.text_lane import FIT_SECONDS
from labelwheel.backend.rounds import policy
from labelwheel.backend.settings import Settings
from labelwheel.backend.suggestions import ordering
from labelwheel.backend.suggestions.ordering import ORDERS
from labelwheel.backend.suggestions.so_far import TEXTS, SoFar
from labelwheel.plugins.capabilities import Candidate, named
from labelwheel.training.evaluation.comparison import compare
from labelwheel.training.evaluation.looks import UNSPENT, has_grown
from labelwheel.training.heads.bench import Bench, labels_of
from labelwheel.training.heads.fitting import Fitted, follow
from labelwheel.training.heads.fitting import measure as fit_and_measure
from labelwheel.training.heads.followed import PARTS, SECONDS
from labelwheel.training.heads.seen import Seen, Unlabelled
from labelwheel.training.heads.standing import UNTRAINED
from labelwheel.training.measurement import measure
from labelwheel.training.questions import Example, Prediction
from labelwheel.training.spec import JobSpec, LabelledExample, Part
from labelwheel.training.strategies.base import Cost
from labelwheel.training.strategies.selection import Selection
from labelwheel.training.sufficiency import count as counted
from labelwheel.training.sufficiency import weigh

ANEW = 5
"""The order changes every few seconds, in which people label so many."""


class Loop:
    """One question of one project. Nothing that costs more than `dearest` is tried in a round."""

    def __init__(self, field: Field, seed: int, dearest: Cost) -> None:
        self.field, self.seed, self._dearest = field, seed, dearest
        self._settings = Settings(_env_file=None)
        self._chance = np.random.default_rng(seed)
        self._free = [int(place) for place in np.random.default_rng(seed).permutation(field.pool)][:UNLABELLED]
        self._labelled: dict[int, LabelledExample] = {}
        self._decided: int | None = None  # labels in the last round
        self._looks = 0  # challengers of the champion that share a level
        self._champion = Served.names(field)
        self._last: Fitted | None = None
        self._measured: Measured[Fitted] | None = None
        self.log: list[str] = []

    def label(self, place: int) -> None:
        """One more label, and what follows from it."""
        part = Part.HELD_OUT if self._chance.random() < HELD_OUT else Part.TRAIN
        self._labelled[place] = self.field.stage.rows[place].model_copy(update={"part": part, "fresh": True})
        if self._due():
            self._round()
        self._follow()

    def answer(self) -> Answerer:
        """What people are shown at this moment."""
        champion, fitted = self._champion, self._last if self._passes else None
        if fitted is None:
            return champion.answer
        return by_head(self.field, fitted.head, champion.whole, champion.logits)

    @property
    def recipe(self) -> str:
        """What answers at this moment: a head, or the champion's recipe."""
        return "head" if self._passes and self._last is not None else self._champion.about.recipe

    def next(self) -> list[int]:
        """The places that people would label next, from what they are shown at this moment."""
        stage, answer = self.field.stage, self.answer()
        free = [place for place in self._free if place not in self._labelled]
        candidates = [
            Candidate(
                key=str(place), text=stage.question.text(stage.rows[place].example), score=said.score or 0.0,
                answers=(named(stage.question.name, said.answer),),
            )
            for place, said in zip(free, answer(free), strict=True)
        ]  # fmt: skip
        given = Counter(named(stage.question.name, row.answer) for row in self._labelled.values())
        texts = [stage.question.text(row.example) for row in list(self._labelled.values())[-TEXTS:]]
        found = ORDERS["mixed"](candidates, ordering.RANKED, SoFar(given, len(self._labelled), texts))
        return [int(each.key) for each in found[:ANEW]]

    @property
    def _passes(self) -> bool:
        return self._measured is not None and self._measured.verdict.passes

    def _seen(self) -> list[Seen]:
        champion = self._champion
        return [
            Seen(row, champion.whole[place : place + 1], champion.logits[place : place + 1])
            for place, row in self._labelled.items()
        ]

    def _bench(self, guessing: bool) -> Bench:
        champion, stage, loose = self._champion, self.field.stage, None
        free = [place for place in self._free if guessing and place not in self._labelled]
        if free:
            whole = champion.whole[free]
            prior = champion.standing.prior(stage.kind, whole, champion.logits[free], labels_of(stage.question))
            loose = Unlabelled(champion.space.rows(whole), prior)
        pool = None if guessing or self._last is None else self._last.pool
        return Bench(stage.question, champion.standing, champion.space, self._seen(), loose, pool=pool)

    def _follow(self) -> None:
        """As `labelwheel.backend.revisions.lane` does."""
        learnt = len(self._labelled)
        if learnt < light_gate.LEAST:
            return
        if self._measured is None or learnt >= self._measured.labels * (1 + GROWTH):
            bench = self._bench(guessing=True)
            self._measured = measurement.take(bench, self._champion.about, self._passes, self._last)
            self._last = self._measured.fitted
            self.log.append(f"{len(self._labelled)}: {self._measured.verdict.reason}")
        elif self._passes and self._last is not None:
            self._last = follow(self._bench(guessing=False), self._last, FIT_SECONDS)

    def _followed(self) -> dict[str, Prediction]:
        """As `labelwheel.training.heads.followed` does, from features that are there already."""
        bench = self._bench(guessing=True)
        said = fit_and_measure(bench, SECONDS, PARTS).out_of_fold
        return {one.row.example.key: answer for one, answer in zip(bench.seen, said, strict=True)}

    def _due(self) -> bool:
        rows, settings = list(self._labelled.values()), self._settings
        if len(rows) - (self._decided or 0) < policy.threshold(self._decided, False, settings):
            return False
        question = self.field.stage.question
        sides = [counted(question, row.example, row.answer, row.part, row.group, row.fresh) for row in rows]
        varied = len({str(row.answer) for row in rows}) > 1
        return varied and weigh(question, sides, self._champion.model.manifest.label_count > 0).problem is None

    def _round(self) -> None:
        """A challenger, and the gate's word on it."""
        stage, champion, rows = self.field.stage, self._champion, list(self._labelled.values())
        before, self._decided = self._decided or 0, len(rows)
        train, seed = [row for row in rows if row.part is Part.TRAIN], self._settings.seed
        free = [place for place in self._free if place not in self._labelled]
        proposal = Selection(stage.materials(train, rows, free, champion.model)).propose(self._dearest)
        calibration = proposal.calibration
        challenger = Served.of(self.field, proposal.module, proposal.strategy.recipe, calibration, len(train))
        spec = JobSpec(version="challenger", question=stage.question, data="", output="", seed=seed)

        def answer(examples: Sequence[Example]) -> list[Prediction]:
            return challenger.answer([int(example.key) for example in examples])

        found = measure(spec, stage.kind, rows, proposal, answer, champion.model, self._followed())
        settings = self._settings
        said = compare(
            found.pairs, floor=settings.gate_floor, level=settings.gate_level, look=self._looks + 1,
            grown=has_grown(len(rows), before), unlearnt=found.followed and proposal.strategy.recipe in UNTRAINED,
            margin=settings.gate_margin, seed=seed,
        )  # fmt: skip
        self._looks += said.look != UNSPENT
        self.log.append(f"{len(rows)}: round, {proposal.strategy.name}, {said.reason}")
        if said.passes:
            self._champion, self._last, self._measured, self._looks = challenger, None, None, 0
            self._labelled = {place: row.model_copy(update={"fresh": False}) for place, row in self._labelled.items()}


def ours_in_order(field: Field, order: Sequence[int], counts: Sequence[int], seed: int) -> Iterator[Learnt]:
    """The same with texts labelled in the order that people are shown, made anew every few labels."""
    return _walk_in_order(field, counts, seed, Cost.MINUTES)


def ours_quick_in_order(field: Field, order: Sequence[int], counts: Sequence[int], seed: int) -> Iterator[Learnt]:
    """The same without fine-tuning."""
    return _walk_in_order(field, counts, seed, Cost.SECONDS)


def _walk_in_order(field: Field, counts: Sequence[int], seed: int, dearest: Cost) -> Iterator[Learnt]:
    loop, spent, last = Loop(field, seed, dearest), 0.0, max(counts)
    queue: list[int] = []
    for count in range(last + 1):
        if count:
            queue = queue or loop.next()
            before = cpu_seconds()
            loop.label(queue.pop(0))
            spent += cpu_seconds() - before
        if count in counts:
            yield Learnt(count, loop.answer(), spent)


def ours(field: Field, order: Sequence[int], counts: Sequence[int], seed: int) -> Iterator[Learnt]:
    """Both lanes behind their gates."""
    return _walk(field, order, counts, seed, Cost.MINUTES)


def ours_quick(field: Field, order: Sequence[int], counts: Sequence[int], seed: int) -> Iterator[Learnt]:
    """The same without fine-tuning."""
    return _walk(field, order, counts, seed, Cost.SECONDS)


def _walk(field: Field, order: Sequence[int], counts: Sequence[int], seed: int, dearest: Cost) -> Iterator[Learnt]:
    loop, spent = Loop(field, seed, dearest), 0.0
    asked, last = set(counts), max(counts)
    for count in range(last + 1):
        before = cpu_seconds()
        if count:
            loop.label(order[count - 1])
        spent += cpu_seconds() - before
        if count in asked:
            yield Learnt(count, loop.answer(), spent)
