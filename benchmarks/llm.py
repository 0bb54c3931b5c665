"""A language model beside ours: `python -m benchmarks.llm --url http://127.0.0.1:8000/v1 --model NAME --data FOLDER`.

Random labels of a set's training part, and texts of its test part to answer: by the model in context, by a small model
that it has taught on texts without a label, and by the best that rounds make of the labels alone. What each costs, and
how long one suggestion takes that nobody has asked for before. Texts go to the address that is given, with the key in
LABELWHEEL_LLM_KEY. `--sets demo` needs no data.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import rounds
from benchmarks.common import machine, save
from benchmarks.rounds import Stage
from labelwheel.training import batches
from labelwheel.training.errors import LanguageModelFailed
from labelwheel.training.language import client, endpoint
from labelwheel.training.language.answers import LanguageAnswers
from labelwheel.training.language.endpoint import TEACHER, LanguageModel
from labelwheel.training.language.entry import LanguageEntry
from labelwheel.training.questions import Example, Prediction
from labelwheel.training.strategies import asked_model
from labelwheel.training.strategies.base import Cost, Strategy
from labelwheel.training.strategies.contrast_taught import ContrastTaught
from labelwheel.training.strategies.language_taught import LanguageTaught
from labelwheel.training.strategies.materials import Materials
from labelwheel.training.strategies.outcome import choose
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.selection import Selection

LABELS, HELD, LOOSE, TIMED = (0, 4, 16, 64), 150, 300, 20
"""Labels, texts to answer, texts without a label, and of those to answer how many are asked for one by one."""

CONTEXT, TAUGHT, OURS = "in context", "teacher", "ours alone"
Answering = Callable[[Sequence[Example]], list[Prediction]]


class Trial(NamedTuple):
    """Some labels of a stage, other texts without, and what is measured on, by their places."""

    stage: Stage
    labelled: Sequence[int]
    loose: Sequence[int]
    tests: Sequence[int]

    @property
    def given(self) -> Materials:
        """As a round has them."""
        rows = [self.stage.rows[place] for place in self.labelled]
        return self.stage.materials(rows, rows, self.loose, minutes=600)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="an endpoint of the OpenAI protocol")
    parser.add_argument("--model", required=True, help="the model's name there")
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=["trec6"])
    parser.add_argument("--labels", type=int, nargs="+", default=LABELS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--held", type=int, default=HELD, help="how many texts are answered")
    parser.add_argument("--silver", type=int, default=150, help="how many texts a teacher labels")
    parser.add_argument("--quick", action="store_true", help="without fine-tuning")
    parser.add_argument("--price-in", type=float, default=0.0, help="what a million tokens of prompts cost")
    parser.add_argument("--price-out", type=float, default=0.0, help="what a million tokens of answers cost")
    parser.add_argument("--budget", type=float, default=5.0, help="what each way may spend on each draw")
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long one answer may take")
    parser.add_argument("--name", default="llm", help="what the figures are kept under")
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    with TemporaryDirectory(prefix="labelwheel-llm-") as folder, batches.quiet():
        model = _model(arguments, Path(folder))
        for name in arguments.sets:
            stage, pool, tests = rounds.stage_of(arguments.data, name)
            pool, tests = (pool, tests) if tests else (pool[: 2 * len(pool) // 3], pool[2 * len(pool) // 3 :])
            for count in arguments.labels:
                for seed in range(arguments.seeds):
                    drawn = stage.draw(pool, len(pool), seed, skewed=False)
                    labelled, loose = drawn[:count], drawn[count : count + LOOSE]
                    trial = Trial(stage, labelled, loose, list(tests)[: arguments.held])
                    found = compare(trial, model, Cost.SECONDS if arguments.quick else Cost.MINUTES)
                    runs += [{"set": name, "labels": count, "seed": seed, **each} for each in found]
    Console().print(table(runs))
    place = save(
        arguments.name,
        {"machine": machine(), "model": model.model, "prices": [model.price_in, model.price_out], "runs": runs},
    )
    print(place, file=sys.stderr)


def compare(trial: Trial, model: LanguageModel, dearest: Cost) -> list[dict[str, Any]]:
    """What each way achieved, spent and took; a way that is not possible with so few labels says so."""
    found = []
    for way, learn in ((CONTEXT, _in_context), (TAUGHT, _taught), (OURS, _ours)):
        own = model.model_copy(update={"project": f"{way} {len(trial.labelled)} {time.monotonic_ns()}"})
        endpoint.name(None if way == OURS else own)
        begin = time.monotonic()
        try:
            answer = learn(trial, own, dearest)
            if answer is None:
                found.append({"way": way, "score": None, "why": "too few labels or texts without one"})
                continue
            learnt, before = time.monotonic() - begin, asked_model.spent(own)
            measured = _measured(trial, answer)
        except (LanguageModelFailed, TimeoutError) as error:
            found.append({"way": way, "score": None, "why": str(error)})
            continue
        finally:
            endpoint.name(None)
        after = asked_model.spent(own)
        found.append(
            {"way": way, **measured, "learnt_seconds": round(learnt, 1), "learnt_money": before.money,
             "money_per_thousand": 1000 * (after.money - before.money) / len(trial.tests), "requests": after.requests}
        )  # fmt: skip
    return found


def table(runs: Sequence[dict[str, Any]]) -> Table:
    """As people read it; scores are means over draws."""
    shown = Table("set", "labels", "way", "right (± SE)", "s a suggestion", "cost of 1,000", "cost and s to learn")
    for key in dict.fromkeys((run["set"], run["labels"], run["way"]) for run in runs):
        there = [run for run in runs if (run["set"], run["labels"], run["way"]) == key]
        whole = [run for run in there if run["score"] is not None]
        if not whole:
            shown.add_row(key[0], str(key[1]), key[2], f"– ({there[0]['why']})")
            continue
        named = ("score", "error", "seconds", "money_per_thousand", "learnt_money", "learnt_seconds")
        mean = {name: float(np.mean([run[name] for run in whole])) for name in named}
        shown.add_row(
            key[0], str(key[1]), key[2], f"{mean['score']:.3f} ± {mean['error'] / len(whole) ** 0.5:.3f}",
            f"{mean['seconds']:.3f}", f"{mean['money_per_thousand']:.3g}",
            f"{mean['learnt_money']:.3g}, {mean['learnt_seconds']:.0f}",
        )  # fmt: skip
    return shown


def _model(arguments: argparse.Namespace, folder: Path) -> LanguageModel:
    key = os.environ.get("LABELWHEEL_LLM_KEY")
    if key:
        with open(os.open(folder / "key", os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(key)
    return LanguageModel(
        url=arguments.url, model=arguments.model, folder=str(folder), key_file=str(folder / "key") if key else None,
        price_in=arguments.price_in, price_out=arguments.price_out, budget=arguments.budget,
        concurrency=arguments.concurrency, seconds=arguments.seconds, role=TEACHER, silver=arguments.silver,
    )  # fmt: skip


def _in_context(trial: Trial, model: LanguageModel, dearest: Cost) -> Answering:
    stage = trial.stage
    rows = [stage.rows[place] for place in trial.labelled]
    shown = asked_model.shown(Problem(stage.question, stage.kind, rows, (), (), stage.id2label), range(len(rows)))
    answers = LanguageAnswers(LanguageEntry(model=model.model, project=model.project), stage.question, shown)

    def answer(examples: Sequence[Example]) -> list[Prediction]:
        found = answers.predict(stage.question, examples)
        if answers.problem is not None:
            raise LanguageModelFailed(answers.problem)
        return [one or Prediction() for one in found]

    return answer


def _taught(trial: Trial, model: LanguageModel, dearest: Cost) -> Answering | None:
    if not trial.labelled:
        return None
    given, ways = trial.given, list[type[Strategy]]([LanguageTaught, ContrastTaught])
    if dearest is Cost.SECONDS:
        ways.remove(ContrastTaught)
    tried = [(each, each.measure()) for way in ways if (each := way(given)).applies()]
    if not tried:
        return None
    chosen = choose([outcome for _, outcome in tried]).outcome
    (strategy,) = (each for each, outcome in tried if outcome is chosen)
    return _small(trial, strategy.finish().module, chosen.calibration)


def _ours(trial: Trial, model: LanguageModel, dearest: Cost) -> Answering:
    if not trial.labelled:
        return lambda examples: trial.stage.names().predict(trial.stage.question, examples)
    proposal = Selection(trial.given).propose(dearest)
    return _small(trial, proposal.module, proposal.calibration)


def _small(trial: Trial, module: Any, calibration: dict[str, float]) -> Answering:
    stage = trial.stage

    def answer(examples: Sequence[Example]) -> list[Prediction]:
        encodings = stage.kind.encode(stage.question, examples, stage.tokenizer, rounds._LENGTH)
        logits = batches.forward(module, encodings, stage.tokenizer.pad_token_id)
        return stage.kind.decode(stage.question, examples, encodings, logits, stage.id2label, calibration)

    return answer


def _measured(trial: Trial, answer: Answering) -> dict[str, Any]:
    stage, rows = trial.stage, [trial.stage.rows[place] for place in trial.tests]
    examples, times, said = [row.example for row in rows], list[float](), list[Prediction]()
    for example in examples[:TIMED]:
        begin = time.monotonic()
        said += answer([example])
        times.append(time.monotonic() - begin)
    said += answer(examples[TIMED:]) if examples[TIMED:] else []
    right = [
        1.0 - stage.kind.score(stage.question, row.example, row.answer, one).loss
        for row, one in zip(rows, said, strict=True)
    ]
    error = float(np.std(right, ddof=1) / np.sqrt(len(right)))
    return {"score": float(np.mean(right)), "error": error, "seconds": float(np.median(times)), "texts": len(right)}


if __name__ == "__main__":
    try:
        main()
    finally:
        client.of.cache_clear()
