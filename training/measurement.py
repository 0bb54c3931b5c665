"""The challenger against the champion, on examples that neither has learnt from; and the learning curve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from labelwheel.training import encoders
from labelwheel.training.evaluation import intervals, named_slices
from labelwheel.training.evaluation.findings import CurvePoint
from labelwheel.training.kinds.base import QuestionKind, Row, Score
from labelwheel.training.model import Model, pad_token
from labelwheel.training.questions import Example, Prediction
from labelwheel.training.shared_features import Embed
from labelwheel.training.spec import JobSpec, LabelledExample, Pair, Part
from labelwheel.training.strategies.materials import Materials
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.selection import Proposal
from labelwheel.training.sufficiency import filling

_SHARES = (0.25, 0.5, 0.75, 1.0)
_LEAST_CURVE = 20

NOTHING: Mapping[str, Prediction] = MappingProxyType({})
Answerer = Callable[[Sequence[Example]], list[Prediction]]


@dataclass(frozen=True)
class Measurement:
    """What both models made of each measured example; `champion_scores` are None where there is no champion, unless
    the challenger has to beat no suggestion at all: then they are what that costs. The gate's `pairs` begin with these
    examples, and go on with all others that neither has learnt from.

    `followed` tells that there is a fast head on it, and `by_head` that they are that head's. `suggested` are the
    challenger's predictions before what it is less sure of is hidden.
    """

    rows: list[LabelledExample]
    predictions: list[Prediction]
    scores: list[Score]
    champion_scores: list[Score | None]
    pairs: list[Pair]
    cross_validated: bool
    followed: bool = False
    by_head: bool = False
    suggested: Sequence[Prediction] = ()


def measure(
    spec: JobSpec,
    kind: QuestionKind,
    rows: Sequence[LabelledExample],
    proposal: Proposal,
    answer: Answerer,
    champion: Model | None,
    followed: Mapping[str, Prediction] = NOTHING,
) -> Measurement:
    """The held-out part, for the report filled up with fresh examples that were out of fold where it is small, and for
    the gate with all of them.

    The report tells what is served, which has learnt from a third more labels than what answers out of fold. The gate
    asks only what is better, and what is held out alone tells that too late: decision 21.

    The champion counts as what people could see in its place, if that is better: `followed` is what a head on it says,
    by the keys of examples. `answer` hides nothing: what is hidden is not measured.
    """
    held_out = [row for row in rows if row.part is Part.HELD_OUT]
    suggested = answer([row.example for row in held_out])
    filled, guesses = _filling(proposal, champion, spec.seed)
    measured, suggested = held_out + filled, suggested + guesses
    reported = len(held_out) + min(len(filled), filling(row.group for row in held_out))
    predictions = [kind.shown(one, spec.hide_below) for one in suggested]
    scores = _scores(spec, kind, measured, predictions)
    theirs: list[Score | None] = [None] * len(measured)
    if champion is None and kind.free:
        theirs = list(_scores(spec, kind, measured, [Prediction()] * len(measured)))
    by_head = False
    if champion is not None and measured:
        answers = champion.predict(spec.question, [row.example for row in measured])
        ways = [answers]
        if followed:
            ways.append([followed.get(row.example.key, one) for row, one in zip(measured, answers, strict=True)])
        told = [_scores(spec, kind, measured, [kind.shown(one, spec.hide_below) for one in way]) for way in ways]
        losses = [sum(score.loss for score in scores) for scores in told]
        by_head = losses[-1] < losses[0]
        theirs = list(told[-1] if by_head else told[0])
    constant: Sequence[Score | None] = [None] * len(measured)
    if champion is None:
        constant = _constant(spec, kind, rows, measured) or constant
    pairs = [
        Pair(
            key=row.example.key,
            group=row.group,
            held_out=row.part is Part.HELD_OUT,
            champion_loss=their.loss if their else None,
            challenger_loss=ours.loss,
            constant_loss=fixed.loss if fixed else None,
            champion=dict(their.units) if their else {},
            challenger=dict(ours.units),
            slices=slices,
        )
        for row, ours, their, fixed, slices in zip(
            measured,
            scores,
            theirs,
            constant,
            named_slices.of(spec.question, measured),
            strict=True,
        )
    ]
    return Measurement(
        measured[:reported], predictions[:reported], scores[:reported], theirs[:reported], pairs,
        reported > len(held_out), bool(followed), by_head, suggested[:reported],
    )  # fmt: skip


def learning_curve(
    spec: JobSpec,
    rows: Sequence[LabelledExample],
    given: Materials,
    proposal: Proposal,
    embed: Embed = encoders.features,
) -> list[CurvePoint]:
    """The regression's held-out score after a quarter, half, three quarters and all of the labels.

    Empty while fewer than 20 examples are held out, and where no regression can answer.
    """
    held = [row for row in rows if row.part is Part.HELD_OUT]
    if not held or given.problem.kind.free:
        return []
    frozen, kind, tokenizer = given.frozen, given.problem.kind, given.tokenizer
    there = Problem.build(spec.question, kind, held, tokenizer, given.max_length, spec.hide_below)
    if len(there) < _LEAST_CURVE:
        return []
    features = [row / np.float32(frozen.unit) for row in embed(given.base, there.encodings, pad_token(tokenizer))]
    order = np.random.default_rng(spec.seed).permutation(len(frozen.problem))
    everything = list(range(len(there)))
    groups = [row.group for row in there.rows]
    points = []
    for share in _SHARES:
        count = max(1, round(share * len(order)))
        head = frozen.fit(sorted(order[:count].tolist()), given.setting)
        # numbers are standardised by what is learnt from, wherever they are measured
        logits = {
            place: (head(row) * frozen.problem.scale + frozen.problem.centre - there.centre) / there.scale
            for place, row in enumerate(features)
        }
        predictions = there.predict(everything, logits, proposal.calibration)
        found = intervals.headline(kind, _scores(spec, kind, there.rows, predictions), groups, seed=spec.seed)
        points.append(CurvePoint(labels=count, score=found.value, low=found.low, high=found.high))
    return points


def _filling(proposal: Proposal, champion: Model | None, seed: int) -> tuple[list[LabelledExample], list[Prediction]]:
    """All that was out of fold for both models, in an order by chance."""
    rows, said = proposal.outcome.problem.rows, proposal.unseen
    learnt_nothing = champion is None or champion.manifest.label_count == 0
    known = [index for index in sorted(said) if learnt_nothing or rows[index].fresh]
    chosen = [known[place] for place in np.random.default_rng(seed).permutation(len(known))]
    return [rows[index] for index in chosen], [said[index] for index in chosen]


def _constant(
    spec: JobSpec, kind: QuestionKind, rows: Sequence[LabelledExample], measured: Sequence[LabelledExample]
) -> list[Score] | None:
    """What the one answer that suits most of the labels learnt would make of it; None where none suits all texts."""
    learnt = [row.answer for row in rows if row.part is Part.TRAIN]
    if not learnt or kind.free or kind.row is Row.TOKEN:
        return None
    return _scores(spec, kind, measured, [Prediction(answer=kind.agree(learnt), score=1.0)] * len(measured))


def _scores(
    spec: JobSpec, kind: QuestionKind, rows: Sequence[LabelledExample], predictions: Sequence[Prediction]
) -> list[Score]:
    return [
        kind.score(spec.question, row.example, row.answer, prediction)
        for row, prediction in zip(rows, predictions, strict=True)
    ]
