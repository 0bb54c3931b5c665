"""What the first rounds serve, against the label names: `python -m benchmarks.rounds --data FOLDER`.

Each run labels a few texts, random or skewed (half of the labels are of one class, a quarter of the next, and so on),
and goes through the rounds that the policy would start, with the job's own strategies, measurement and gate; what is
then served is measured on all other texts. Fine-tuning is left out, so that features are computed once; it is tried
from 24 labels on and has to win against the regression, see `benchmarks.learning`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import texts
from benchmarks.common import machine, save
from demo import messages
from labelwheel.training import encoders
from labelwheel.training.evaluation.comparison import compare
from labelwheel.training.kinds import kind_of
from labelwheel.training.measurement import measure
from labelwheel.training.model import Model
from labelwheel.training.progress import Progress
from labelwheel.training.questions import Example, Prediction, Question
from labelwheel.training.spec import JobSpec, LabelledExample, Part
from labelwheel.training.strategies import label_names
from labelwheel.training.strategies.base import Cost
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.label_names import names_head
from labelwheel.training.strategies.materials import Budget, Materials
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.selection import Selection
from labelwheel.training.unlabelled import UnlabelledTexts

SETS = ("demo", "trec6", "snips", "sst2", "banking77")
HELD_OUT, GROWTH = 0.2, 0.25
_MOST_TEXTS = 3000
_LENGTH = 128


@dataclass(frozen=True)
class Manifest:
    """All that a comparison asks of a champion's manifest."""

    label_count: int


@dataclass(frozen=True)
class Served:
    """A head on the stage's features, as a champion answers with it."""

    stage: Stage
    weight: np.ndarray
    bias: np.ndarray
    calibration: dict[str, float]
    manifest: Manifest

    def predict(self, question: Question, examples: Sequence[Example]) -> list[Prediction]:
        """One prediction per example, in order."""
        rows = np.stack([self.stage.features[int(one.key)] for one in examples])
        logits = list((rows @ self.weight.T + self.bias).astype(np.float32))
        kind = self.stage.kind
        encodings = [replace(self.stage.encodings[int(one.key)], example=place) for place, one in enumerate(examples)]
        return kind.decode(question, examples, encodings, logits, self.stage.id2label, self.calibration)

    def accuracy(self, places: Sequence[int]) -> float:
        """On some of the stage's texts."""
        rows = [self.stage.rows[place] for place in places]
        found = self.predict(self.stage.question, [row.example for row in rows])
        return float(np.mean([one.answer == row.answer for one, row in zip(found, rows, strict=True)]))


class Stage:
    """One set of labelled texts, with features and without a server. Keys of `rows` are their places."""

    def __init__(self, question: Question, rows: Sequence[LabelledExample]) -> None:
        self.question, self.rows = question, list(rows)
        self.kind = kind_of(question)
        fields = self.kind.config(question)
        self.id2label: dict[int, str] = fields["id2label"]
        self.base, self.tokenizer = encoders.load(None, fields)
        self.encodings = self.kind.encode(question, [row.example for row in rows], self.tokenizer, _LENGTH)
        self.features = encoders.features(self.base, self.encodings, self.tokenizer.pad_token_id)
        self.said = label_names.directions(question, self.base, self.tokenizer, _LENGTH)

    def names(self) -> Served:
        """What is served before the first label."""
        assert self.said is not None
        head = names_head(self.said[0], self.kind)
        return Served(self, head.weight / self.said[1], head.bias, {}, Manifest(0))

    def draw(self, pool: Sequence[int], count: int, seed: int, skewed: bool) -> list[int]:
        """So many of the texts, in the order in which they are labelled."""
        chance = np.random.default_rng(seed)
        if not skewed:
            return [pool[place] for place in chance.permutation(len(pool))[:count]]
        answers = self.kind.strata([self.rows[place].answer for place in pool])
        order = {self.id2label[int(number)]: rank for rank, number in enumerate(chance.permutation(len(self.id2label)))}
        weights = np.array([0.5 ** order[answer] / answers.count(answer) for answer in answers])
        count = min(count, len(pool))
        return [pool[place] for place in chance.choice(len(pool), count, replace=False, p=weights / weights.sum())]

    def materials(
        self,
        train: Sequence[LabelledExample],
        labelled: Sequence[LabelledExample],
        free: Sequence[int],
        champion: Model | None = None,
        minutes: float = 30.0,
    ) -> Materials:
        """What a job gives its strategies to learn `train` from, with `free` as its texts without a label."""
        problem = Problem.build(self.question, self.kind, train, self.tokenizer, _LENGTH)
        assert self.said is not None
        frozen = Frozen(problem, [self.features[int(row.example.key)] for row in train], *self.said)
        loose = [self.rows[place].example for place in free]
        return Materials(
            problem, self.base, self.tokenizer, frozen, champion, _LENGTH, 13, Budget(time.monotonic() + 60 * minutes),
            Progress(), unlabelled=UnlabelledTexts(self.question, loose, labelled, self.tokenizer, _LENGTH),
        )  # fmt: skip

    def round(self, labelled: Sequence[int], fresh: Sequence[int], champion: Served, seed: int) -> tuple[Served, bool]:
        """The challenger that a round on some labels proposes, and whether the gate lets it through."""
        known = set(fresh)
        chance = np.random.default_rng(seed)
        parts = [Part.HELD_OUT if chance.random() < HELD_OUT else Part.TRAIN for _ in labelled]
        rows = [
            self.rows[place].model_copy(update={"part": part, "fresh": place in known})
            for place, part in zip(labelled, parts, strict=True)
        ]
        train = [row for row in rows if row.part is Part.TRAIN]
        problem = Problem.build(self.question, self.kind, train, self.tokenizer, _LENGTH)
        frozen = Frozen(problem, [self.features[int(row.example.key)] for row in train], self.said[0])  # type: ignore[index]
        budget = Budget(time.monotonic() + 600)
        given = Materials(problem, self.base, self.tokenizer, frozen, None, _LENGTH, 13, budget, Progress())
        proposal = Selection(given).propose(dearest=Cost.SECONDS)
        last = encoders.head(proposal.module)
        challenger = Served(
            self,
            last.weight.detach().numpy().copy(),
            last.bias.detach().numpy().copy(),
            proposal.calibration,
            Manifest(len(train)),
        )
        spec = JobSpec(version="v", question=self.question, data="", output="")

        def answer(examples: Sequence[Example]) -> list[Prediction]:
            return challenger.predict(self.question, examples)

        found = measure(spec, self.kind, rows, proposal, answer, champion)  # type: ignore[arg-type]
        return challenger, compare(found.pairs).passes

    def sequence(self, labelled: Sequence[int], first: int, seed: int) -> list[tuple[int, Served]]:
        """The rounds of a project from its first label on: (labels, what is served after the round)."""
        champion, until, count, found = self.names(), 0, first, list[tuple[int, Served]]()
        while count <= len(labelled):
            challenger, passes = self.round(labelled[:count], labelled[until:count], champion, seed)
            if passes:
                champion, until = challenger, count
            found.append((count, champion))
            count += max(1, int(np.ceil(count * GROWTH)))
        return found


def demo_stage() -> Stage:
    """The demo's messages and their topics."""
    rows = [{"text": row["text"], "label": row["topic"]} for row in messages.rows()]
    return stage(texts.question(rows), rows)


def stage(question: Question, rows: Sequence[dict[str, Any]]) -> Stage:
    """A stage for texts with their labels."""
    labelled = texts.labelled(list(rows), Part.TRAIN)
    return Stage(
        question,
        [
            row.model_copy(update={"example": Example(key=str(place), fields=row.example.fields), "group": str(place)})
            for place, row in enumerate(labelled)
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--name", default="rounds", help="what the figures are kept under")
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for name in arguments.sets:
        stage_, pool, test = stage_of(arguments.data, name)
        for skewed in (False, True):
            for seed in range(arguments.seeds):
                labelled = stage_.draw(pool, max(arguments.labels), seed, skewed)
                for count in arguments.labels:
                    chosen = labelled[:count]
                    challenger, passes = stage_.round(chosen, chosen, stage_.names(), seed)
                    rest = test or [place for place in pool if place not in set(chosen)]
                    by_names, learnt = stage_.names().accuracy(rest), challenger.accuracy(rest)
                    run = {"set": name, "skewed": skewed, "labels": count, "seed": seed, "names": by_names}
                    runs.append(run | {"round": learnt, "promoted": passes, "served": learnt if passes else by_names})
            print(f"{name}, {'skewed' if skewed else 'random'}: done", file=sys.stderr)
        save(arguments.name, {"machine": machine(), "runs": runs})
    _show(runs)


def stage_of(data: str | None, name: str, most: int = _MOST_TEXTS) -> tuple[Stage, list[int], list[int]]:
    """A set with the places to label from and those to measure on (none: all that was not labelled).

    Of `most` texts a half can be labelled, and a third is measured on.
    """
    if name == "demo":
        found = demo_stage()
        return found, list(range(len(found.rows))), []
    chance = np.random.default_rng(0)
    parts = {part: texts.read(data, name, part) for part in ("train", "test")}
    question = texts.question(parts["train"] + parts["test"])
    tested = [parts["test"][place] for place in chance.permutation(len(parts["test"]))[: most // 3]]
    known = {row["text"].lower() for row in tested}
    left = [row for row in parts["train"] if row["text"].lower() not in known]
    learnt = [left[place] for place in chance.permutation(len(left))[: most // 2]]
    found = stage(question, learnt + tested)
    return found, list(range(len(learnt))), list(range(len(learnt), len(learnt) + len(tested)))


def _show(runs: Sequence[dict[str, Any]]) -> None:
    table = Table("set", "draw", "labels", "names", "round", "served", "least against names", "promoted")
    for name, skewed, count in sorted({(run["set"], run["skewed"], run["labels"]) for run in runs}):
        there = [run for run in runs if (run["set"], run["skewed"], run["labels"]) == (name, skewed, count)]
        means = [f"{statistics.mean(run[key] for run in there):.3f}" for key in ("names", "round", "served")]
        least = min(run["served"] - run["names"] for run in there)
        promoted = f"{sum(run['promoted'] for run in there)} of {len(there)}"
        table.add_row(name, "skewed" if skewed else "random", str(count), *means, f"{least:+.3f}", promoted)
    Console().print(table)


if __name__ == "__main__":
    main()
