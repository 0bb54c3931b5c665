"""Whether scores mean what they say where an encoder was tuned: those of the checkpoint, and of heads on it.

Of each set a champion is tuned for four fifths of some labels, by contrast where one option is right, fine-tuned with a
chain on top for spans. Heads follow with as many labels and with more, on that champion: `all` had every label tell how
sure a head is, as it was before; of `unlearnt` only those that the champion has not learnt. Texts to be measured on
come from the same file as the labels.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks.common import machine, save
from benchmarks.honest.calibration_error import Error
from benchmarks.honest.score_runs import SPANS, drawn_of, errors
from benchmarks.labels import lanes
from benchmarks.labels.champion import Served
from benchmarks.labels.span_sets import Draw, draw
from benchmarks.rounds import HELD_OUT
from labelwheel.training import encoders, layers
from labelwheel.training.base_model import Base
from labelwheel.training.heads import span_fit
from labelwheel.training.heads.base import FastHead
from labelwheel.training.heads.bench import Bench
from labelwheel.training.heads.fitting import measure
from labelwheel.training.heads.seen import Seen
from labelwheel.training.kinds import kind_of
from labelwheel.training.model import pad_token
from labelwheel.training.progress import Progress
from labelwheel.training.questions import Prediction
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.strategies.contrastive import Contrastive
from labelwheel.training.strategies.from_base import FromBase
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.materials import Budget, Materials
from labelwheel.training.strategies.problem import Problem

SETS = ("trec6", "snips", "sst2", "vader_tweets", "ncbi_disease", "btc", "wnut17")
TUNED, MORE, TEXTS, LEARNT = 80, (80, 100, 120, 160), 150, 120
_LENGTH, _SEED, _MINUTES, _SECONDS, _PARTS = 256, 13, 30.0, 20.0, 5


class Run(NamedTuple):
    """`told` says which labels told how sure a head is; of the champion itself it is empty."""

    set: str
    seed: int
    labels: int
    unlearnt: int
    told: str
    score: float
    error: Error


def of_texts(data: str | None, name: str, seeds: Sequence[int]) -> Iterator[Run]:
    """An encoder that was tuned by contrast for four fifths of `TUNED` labels, and heads on it."""
    field, pool, test = drawn_of(data, name)
    stage = field.stage
    golds = [stage.rows[place].answer for place in test]
    examples = [stage.rows[place].example for place in test]

    def found(seed: int, labels: int, unlearnt: int, told: str, said: Sequence[Prediction]) -> Run:
        error = errors(stage.question, examples, golds, said).shown
        return Run(name, seed, labels, unlearnt, told, field.score(test, said), error)

    for seed in seeds:
        order = stage.draw(pool, max(MORE), seed, skewed=False)
        held = np.random.default_rng(seed).random(len(order)) < HELD_OUT
        rows = [
            stage.rows[place].model_copy(
                update={"part": Part.HELD_OUT if out else Part.TRAIN, "fresh": number >= TUNED}
            )
            for number, (place, out) in enumerate(zip(order, held, strict=True))
        ]
        train = [row for row in rows[:TUNED] if row.part is Part.TRAIN]
        strategy = Contrastive(stage.materials(train, rows[:TUNED], []))
        assert strategy.applies(), f"{len(train)} labels of {name} are too few to tune an encoder by contrast"
        outcome, finished = strategy.measure(), strategy.finish()
        calibration = dict(finished.calibration or outcome.calibration)
        champion = Served.of(field, finished.module, strategy.recipe, calibration, len(train))
        yield found(seed, TUNED, 0, "", champion.answer(test))
        for count in MORE:
            for told, known in (("all", [_unlearnt(row) for row in rows[:count]]), ("unlearnt", rows[:count])):
                seen = [
                    Seen(row, champion.whole[place : place + 1], champion.logits[place : place + 1])
                    for row, place in zip(known, order, strict=False)
                ]
                head = measure(Bench(stage.question, champion.standing, champion.space, seen), _SECONDS, _PARTS).head
                said = lanes.by_head(field, head, champion.whole, champion.logits)(test)
                yield found(seed, count, sum(row.unlearnt for row in rows[:count]), told, said)


def of_spans(data: str | None, name: str, seeds: Sequence[int]) -> Iterator[Run]:
    """An encoder that was fine-tuned for four fifths of `TEXTS`, and heads on it that have learnt from all."""
    for seed in seeds:
        drawn = draw(data, name, TEXTS, seed)
        kind = kind_of(drawn.question)
        for told, said in _said(drawn):
            scores = [kind.score(drawn.question, *each) for each in zip(drawn.tests, drawn.golds, said, strict=True)]
            error = errors(drawn.question, drawn.tests, drawn.golds, said).items
            yield Run(name, seed, TEXTS, TEXTS - LEARNT if told else 0, told, kind.headline(scores), error)


def _said(drawn: Draw) -> Iterator[tuple[str, list[Prediction]]]:
    """What the champion, and heads on it, say of the texts to be measured on."""
    question = drawn.question
    rows = [
        LabelledExample(example=example, answer=answer, part=Part.TRAIN, group=example.key)
        for example, answer in zip(drawn.examples[:LEARNT], drawn.answers[:LEARNT], strict=True)
    ]
    base = Base.load(None, question, _LENGTH, "cpu")
    problem = Problem.build(question, kind_of(question), rows, base.tokenizer, base.max_length)
    frozen = Frozen.build(problem, base.module, base.tokenizer, base.max_length, encoders.features)
    budget = Budget(time.monotonic() + 60 * _MINUTES)
    strategy = FromBase(
        Materials(problem, base.module, base.tokenizer, frozen, None, base.max_length, _SEED, budget, Progress())
    )
    assert strategy.applies(), f"{len(rows)} texts are too few to fine-tune"
    strategy.measure()
    finished = strategy.finish()
    marked, learnt = _read(base, finished.module, drawn.examples)
    asked, others = _read(base, finished.module, drawn.tests)

    def answer(head: FastHead) -> list[Prediction]:
        return head.decode(question, drawn.tests, asked, head.values(others, []))

    if finished.head is not None:
        yield "", answer(finished.head)
    for told, unseen in (("all", None), ("unlearnt", [place >= LEARNT for place in range(TEXTS)])):
        fitted = span_fit.fit(question, drawn.examples, drawn.answers, learnt, marked, unseen=unseen)
        yield told, answer(fitted.head)


def _unlearnt(row: LabelledExample) -> LabelledExample:
    return row.model_copy(update={"fresh": True})


def _read(base: Base, module: Any, examples: Sequence[Any]) -> tuple[list[Any], list[np.ndarray]]:
    rows = base.read(examples)
    return rows, [row.astype(np.float16) for row in layers.read(module, rows, pad_token(base.tokenizer)) or []]


def run(data: str | None, sets: Sequence[str], seeds: int) -> dict[str, Any]:
    """Measures everything, keeps the figures after each set and shows them."""
    torch.set_num_threads(1)
    threadpool_limits(1)
    began, found, record = time.monotonic(), list[Run](), dict[str, Any]()
    for name in sets:
        found += (of_spans if name in SPANS else of_texts)(data, name, range(seeds))
        runs = [one._asdict() | {"error": one.error._asdict()} for one in found]
        record = {"machine": machine(), "seconds": round(time.monotonic() - began), "runs": runs}
        save("honest-tuned", record)
    _show(found)
    return record


def _show(found: Sequence[Run]) -> None:
    table = Table("set", "labels", "not learnt", "told by", "score", "ECE", "debiased", "too sure by")
    for key in dict.fromkeys((one.set, one.labels, one.told) for one in found):
        own = [one for one in found if (one.set, one.labels, one.told) == key]
        means = (
            np.mean(each) for each in (
                [one.score for one in own], [one.error.plain for one in own], [one.error.debiased for one in own],
                [one.error.surplus for one in own],
            )
        )  # fmt: skip
        unlearnt = f"{np.mean([one.unlearnt for one in own]):.0f}"
        table.add_row(key[0], str(key[1]), unlearnt, key[2] or "the champion", *(f"{mean:.3f}" for mean in means))
    Console(width=120).print(table)
