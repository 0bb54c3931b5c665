"""One set of texts, learnt from a few labels as rounds and the fast lane do: what is shown, and how right it is.

The test part comes from the same file as the labels, and no text is in both: an interval of a score is about texts like
those that were labelled. Rounds try what takes seconds; a fifth of the labels is held out, as in projects.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import spans, texts
from benchmarks.common import data_folder, jsonl
from benchmarks.honest.calibration_error import Error, error
from benchmarks.labels import lanes
from benchmarks.labels.champion import Served
from benchmarks.labels.field import Field
from benchmarks.labels.loop import Loop
from benchmarks.rounds import HELD_OUT, stage
from labelwheel.training.evaluation import intervals
from labelwheel.training.job import read_rows
from labelwheel.training.kinds import kind_of
from labelwheel.training.measurement import measure
from labelwheel.training.model import Model
from labelwheel.training.progress import Progress
from labelwheel.training.questions import Answer, Example, Prediction, Question
from labelwheel.training.run import Run as Job
from labelwheel.training.spec import JobSpec, Part
from labelwheel.training.strategies.base import Cost
from labelwheel.training.strategies.selection import Selection

SPANS = frozenset({"wnut17", "btc", "ncbi_disease"})
POOL, TEST, UNLABELLED, SPAN_TEST = 2000, 2000, 500, 1000
SEED = 13


class Errors(NamedTuple):
    """Of the scores of items that people are shown, of all items, and of whole answers.

    A choice is one item, of lists each label or span is one. Where nobody has set anything else, choices and labels are
    all shown, and spans from `shown_from` on.
    """

    shown: Error
    items: Error
    whole: Error


class Run(NamedTuple):
    """What one lane made of so many labels; `low` and `high` are what its report says of `score`, if it has one."""

    set: str
    labels: int
    seed: int
    lane: str
    recipe: str
    score: float
    errors: Errors
    reported: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def covers(self) -> bool | None:
        """Whether the reported interval holds the score on the test part."""
        return None if self.low is None or self.high is None else self.low <= self.score <= self.high


def drawn_of(data: str | None, name: str) -> tuple[Field, list[int], list[int]]:
    """Distinct texts of one file with what the encoder says of them: those to label, and those to measure on."""
    distinct = {" ".join(row["text"].lower().split()): row for row in texts.read(data, name, "train")}
    rows = [row for text, row in distinct.items() if text]
    drawn = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))[: POOL + TEST]]
    pool = list(range(min(POOL, len(drawn) // 2)))
    test = list(range(len(pool), len(drawn)))
    field = Field(stage(texts.question(rows), drawn), pool)
    field.embed()
    return field, pool, test


def of_texts(data: str | None, name: str, counts: Sequence[int], seeds: Sequence[int]) -> Iterator[Run]:
    """Each lane by itself, and both behind their gates as people are served; features are computed once."""
    field, pool, test = drawn_of(data, name)
    for seed in seeds:
        order = field.stage.draw(pool, max(counts), seed, skewed=False)
        sides = np.random.default_rng(seed).random(len(order)) < HELD_OUT
        for count in counts:
            yield _round(field, name, order[:count], sides, seed, test)
            said = lanes.fast(field, order[:count], seed)(test)
            score = field.score(test, said)
            yield Run(name, count, seed, "fast lane", "head", score, _errors(field, test, said))
        yield from _walk(field, name, order, counts, seed, test)


def _walk(
    field: Field, name: str, order: Sequence[int], counts: Sequence[int], seed: int, test: Sequence[int]
) -> Iterator[Run]:
    """What people are shown at that moment, by whichever lane."""
    loop = Loop(field, seed, Cost.SECONDS)
    for count, place in enumerate(order, start=1):
        loop.label(place)
        if count in counts:
            said = loop.answer()(test)
            yield Run(name, count, seed, "as served", loop.recipe, field.score(test, said), _errors(field, test, said))


def _round(field: Field, name: str, chosen: Sequence[int], sides: np.ndarray, seed: int, test: Sequence[int]) -> Run:
    its, question = field.stage, field.stage.question
    rows = [
        its.rows[place].model_copy(update={"part": Part.HELD_OUT if held else Part.TRAIN})
        for place, held in zip(chosen, sides, strict=False)
    ]
    train = [row for row in rows if row.part is Part.TRAIN]
    free = np.random.default_rng(seed).permutation(np.setdiff1d(field.pool, chosen))[:UNLABELLED]
    proposal = Selection(its.materials(train, rows, free.tolist())).propose(dearest=Cost.SECONDS)
    calibration = proposal.calibration
    served = Served.of(field, proposal.module, proposal.strategy.recipe, calibration, len(train))

    def answer(examples: Sequence[Example]) -> list[Prediction]:
        return served.answer([int(one.key) for one in examples])

    spec = JobSpec(version="challenger", question=question, data="", output="", seed=SEED)
    found = measure(spec, its.kind, rows, proposal, answer, None)
    told = intervals.headline(its.kind, found.scores, [row.group for row in found.rows], seed=SEED)
    said = served.answer(test)
    return Run(
        name, len(chosen), seed, "round", proposal.strategy.recipe, field.score(test, said),
        _errors(field, test, said), told.value, told.low, told.high,
    )  # fmt: skip


def _errors(field: Field, test: Sequence[int], said: Sequence[Prediction]) -> Errors:
    rows = [field.stage.rows[place] for place in test]
    return errors(field.stage.question, [row.example for row in rows], [row.answer for row in rows], said)


def errors(
    question: Question, examples: Sequence[Example], golds: Sequence[Answer], said: Sequence[Prediction]
) -> Errors:
    """Of what was said of some examples; where there is no suggestion, there is no score."""
    kind = kind_of(question)
    given = [each for each in zip(examples, golds, said, strict=True) if each[2].answer is not None]
    right = [kind.score(question, *each).loss == 0 for each in given]
    whole = error([one.score for _, _, one in given], right)
    least = kind.shown_from()
    shown = [(example, gold, kind.shown(one, least)) for example, gold, one in given]
    return Errors(_of_items(question, shown), _of_items(question, given), whole)


def _of_items(question: Question, given: Sequence[tuple[Example, Answer, Prediction]]) -> Error:
    kind, scores, right = kind_of(question), list[float](), list[bool]()
    for example, gold, one in given:
        if isinstance(one.answer, list):
            wanted = question.comparable(gold, example)
            scores += one.item_scores
            right += [item in wanted for item in question.comparable(one.answer, example)]
        elif one.answer is not None:
            scores.append(one.score)
            right.append(kind.score(question, example, gold, one).loss == 0)
    return error(scores, right)


def of_spans(data: str | None, name: str, counts: Sequence[int], seeds: Sequence[int]) -> Iterator[Run]:
    """What jobs train on a set of texts with spans, in seconds."""
    rows = [row for row in jsonl(data_folder(data, name) / "train.jsonl") if row["text"].strip()]
    question = spans.question_for(rows)
    for seed in seeds:
        drawn = random.Random(seed).sample(rows, len(rows))
        learnt = {row["text"] for row in drawn[: max(counts)]}
        test = [row for row in drawn[max(counts) :] if row["text"] not in learnt][:SPAN_TEST]
        for count in counts:
            with tempfile.TemporaryDirectory(prefix="labelwheel-scores-") as scratch:
                yield _job(question, name, drawn[:count], seed, test, Path(scratch))


def _job(
    question: Question, name: str, rows: list[dict[str, Any]], seed: int, test: list[dict[str, Any]], folder: Path
) -> Run:
    spec = spans.described(question, rows, folder, 1, 10.0).model_copy(update={"fine_tuning": False})
    report = Job(spec, read_rows(Path(spec.data), spec.question), Progress()).execute().report
    model = Model.load(spec.output, threads=1)
    examples = [Example(key=str(number), fields={"text": row["text"]}) for number, row in enumerate(test)]
    golds = [question.check(row["spans"], example) for row, example in zip(test, examples, strict=True)]
    said, kind = model.predict(question, examples), kind_of(question)
    scores = [kind.score(question, *each) for each in zip(examples, golds, said, strict=True)]
    told: Any = report["headline"]
    return Run(
        name, len(rows), seed, "round", model.manifest.recipe, kind.headline(scores),
        errors(question, examples, golds, said), told["value"], told["low"], told["high"],
    )  # fmt: skip
