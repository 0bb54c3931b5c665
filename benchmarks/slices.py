"""Whether a weak part of the texts is found, and nothing where there is none: `python -m benchmarks.slices`.

A project of some hundred labels, a fifth of them held out, and a checkpoint that has learnt the rest. A tenth of the
texts come from another source: they are written as people chat, and most of their labels are another option than they
should be. The source is a column of the tool (`named`), or nobody knows of it (`unnamed`), so that only clusters can
find it: at least half of what is reported must be of it, and it must be among the first three.

Without a weak part: `dealt` deals the losses anew among the texts, so that none is weaker than chance makes it. `plain`
leaves sets as they are; they have hard classes, which are weak parts as well, so that what is reported is looked at on
a thousand other texts: a slice that is no worse there was named by chance.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import texts
from benchmarks.common import machine, save
from labelwheel.training.base_model import Base
from labelwheel.training.evaluation import named_slices, neighbours
from labelwheel.training.evaluation.weak_slices import Losses, measure, search
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.kinds.base import Score
from labelwheel.training.questions import Example, Prediction, Question
from labelwheel.training.shared_features import SharedFeatures
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.strategies.shrinkage import Setting

SETS = ("snips", "trec6", "clinc150")
WAYS = ("named", "unnamed", "dealt", "plain")
FIRST = 3
SETTING = Setting(1.0, 0.003)
TOLD = ("slice", "value", "words", "examples", "score", "rest", "p_value")
WRITTEN = {
    "please": "pls", "you": "u", "your": "ur", "are": "r", "for": "4", "to": "2", "what": "wat", "the": "da",
    "and": "n", "is": "iz", "my": "ma", "be": "b", "people": "ppl", "thanks": "thx", "want": "wanna", "going": "goin",
}  # fmt: skip
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--labels", type=int, default=800, help="so many in all, a fifth of them held out")
    parser.add_argument("--others", type=int, default=1000, help="texts that a reported slice is looked at on again")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--share", type=float, default=0.1, help="of the texts that are of the weak source")
    parser.add_argument("--wrong", type=float, default=0.7, help="of the source's labels that are made wrong")
    parser.add_argument("--name", default="slices", help="what the figures are kept under")
    given = parser.parse_args()
    runs: list[Row] = []
    for name in given.sets:
        question, train, test = texts.apart(given.data, name)
        base, embed = Base.load(None, question, 128, "cpu"), SharedFeatures(2**30)
        for seed in range(given.seeds):
            order = np.random.default_rng(seed).permutation(len(train))[: given.labels]
            rows = split([train[place] for place in order], seed)
            for ways, used in ((WAYS[:2], planted(question, rows, given, seed)), (WAYS[2:], rows)):
                begin = time.monotonic()
                subject = learnt(question, used, base, embed, seed)
                losses = measure(subject)
                runs += [
                    {"set": name, "seed": seed, "seconds": time.monotonic() - begin, **looked(way, subject, losses)}
                    for way in ways
                ]
                if runs[-1]["way"] == "plain":
                    others = [test[place] for place in np.random.default_rng(seed).permutation(len(test))]
                    weak = search(subject, losses)["weak"]
                    runs[-1]["elsewhere"] = elsewhere(subject, losses, weak, others[: given.others], base, embed)
                print(*(json.dumps(run) for run in runs[-2:]), sep="\n", file=sys.stderr, flush=True)
                settings = {key: getattr(given, key) for key in ("labels", "share", "wrong", "others")}
                save(given.name, {"machine": machine(), **settings, "runs": runs})
    show(runs)


def split(rows: Sequence[LabelledExample], seed: int) -> list[LabelledExample]:
    """A fifth held out, by chance, copies of a text on one side."""
    groups = sorted({row.group for row in rows})
    order = np.random.default_rng(1_000 + seed).permutation(len(groups))
    held = {groups[place] for place in order[: len(groups) // 5]}
    return [row.model_copy(update={"part": Part.HELD_OUT if row.group in held else Part.TRAIN}) for row in rows]


def planted(
    question: Question, rows: Sequence[LabelledExample], given: argparse.Namespace, seed: int
) -> list[LabelledExample]:
    """A share of the rows is of another source, in another style, with wrong labels; `is_planted` knows them."""
    draw, found = np.random.default_rng(2_000 + seed), []
    for row in rows:
        here, answer, example = draw.random() < given.share, row.answer, row.example
        if here:
            example = Example(key=f"planted {example.key}", fields={"text": chatted(example.fields["text"], draw)})
            if draw.random() < given.wrong:
                answer = str(draw.choice([value for value in question.values if value != answer]))
        slices = {"source": "app" if here else str(draw.choice(["web", "mail"]))}
        found.append(row.model_copy(update={"example": example, "answer": answer, "slices": slices}))
    return found


def chatted(text: str, draw: np.random.Generator) -> str:
    """The text as somebody types it on a phone."""
    words = [WRITTEN.get(word, word) for word in re.findall(r"\w+", text.lower())]
    return (
        f"{draw.choice(['hey', 'yo', 'hi', 'hiya'])} {' '.join(words)} {draw.choice(['lol', 'thx', 'omg', 'plz thx'])}"
    )


def is_planted(row: LabelledExample) -> bool:
    return row.example.key.startswith("planted ")


def learnt(
    question: Question, rows: Sequence[LabelledExample], base: Base, embed: SharedFeatures, seed: int
) -> Subject:
    """A subject whose checkpoint is the regression on the frozen encoder, fitted to what is not held out."""
    said: dict[str, Prediction] = {}
    subject = Subject(
        question, rows, lambda examples: [said[one.key] for one in examples], lambda: base, seed=seed, embed=embed
    )
    problem, frozen = subject.problem, subject.frozen
    train = [place for place, row in enumerate(problem.rows) if row.part is Part.TRAIN]
    head = frozen.fit(train, SETTING)
    everything = list(range(len(problem)))
    predictions = problem.predict(everything, frozen.logits(head, everything), {})
    said.update({row.example.key: one for row, one in zip(problem.rows, predictions, strict=True)})
    subject.__dict__["head"] = head  # for what is asked elsewhere
    return subject


def looked(way: str, subject: Subject, losses: Losses) -> Row:
    """What is reported, and where the planted part is among it, from 1; None where it is not."""
    if way == "unnamed":
        losses = replace(losses, rows=[row.model_copy(update={"slices": {}}) for row in losses.rows])
    if way == "dealt":
        scores, parts = list(losses.scores), np.array([row.part.value for row in losses.rows])
        for part in np.unique(parts):
            here = np.flatnonzero(parts == part)
            order = np.random.default_rng(3_000 + subject.seed).permutation(here)
            for place, other in zip(here, order, strict=True):
                scores[place] = losses.scores[other]
        losses = replace(losses, scores=scores)
    found = search(subject, losses)
    row = {"way": way, "score": subject.kind.headline(subject.scores), "examples": found["examples"]}
    row |= {"candidates": found["candidates"], "reported": len(found["weak"])}
    row["slices"] = [{key: each[key] for key in TOLD} for each in found["weak"]]
    if way in ("dealt", "plain"):
        return row
    own = {row.example.key for row in losses.rows if is_planted(row)}
    shares = [len(own & set(each["members"])) / len(each["members"]) for each in found["weak"]]
    place = next((number for number, share in enumerate(shares, start=1) if share >= 0.5), None)
    caught = len(own & set(found["weak"][place - 1]["members"])) / len(own) if place else None
    return {**row, "place": place, "caught": caught, "planted": len(own)}


def elsewhere(
    subject: Subject,
    losses: Losses,
    weak: Sequence[Row],
    others: Sequence[LabelledExample],
    base: Base,
    embed: SharedFeatures,
) -> list[float | None]:
    """By how much each reported slice is worse than the rest on other texts; a text is where its nearest one is."""
    there = Subject(subject.question, others, lambda examples: [], lambda: base, seed=subject.seed, embed=embed)
    problem, frozen, head = there.problem, there.frozen, subject.__dict__["head"]
    scale = np.float32(subject.frozen.unit / frozen.unit)
    everything = list(range(len(problem)))
    logits = {place: head(frozen.features[place] / scale) for place in problem.encoded(everything)}
    scores: list[Score] = subject.scored(problem.rows, problem.predict(everything, logits, {}))
    values = np.array([score.loss for score in scores])
    own = {row.example.key for row in losses.rows}
    measured = [place for place, row in enumerate(subject.problem.rows) if row.example.key in own]
    rows = neighbours.whole(len(subject.problem), subject.problem.encodings, subject.frozen.features)[measured]
    keys = [subject.problem.rows[place].example.key for place in measured]
    near = neighbours.Nearest(rows).nearest(neighbours.whole(len(problem), problem.encodings, frozen.features), 1)
    found: list[float | None] = []
    for each in weak:
        members = set(each["members"])
        if each["slice"]:
            told = named_slices.of(subject.question, problem.rows)
            inside = np.array([one.get(each["slice"]) == each["value"] for one in told])
        else:
            inside = np.array([keys[one[0].place] in members for one in near])
        enough = 5 <= inside.sum() < len(inside)
        found.append(float(values[inside].mean() - values[~inside].mean()) if enough else None)
    return found


def show(runs: Sequence[Row]) -> None:
    table = Table(
        "set", "way", "seeds", "among the first three", "silent", "really worse elsewhere", "score", "seconds"
    )
    for name in dict.fromkeys(run["set"] for run in runs):
        for way in dict.fromkeys(run["way"] for run in runs):
            here = [run for run in runs if (run["set"], run["way"]) == (name, way)]
            places = [run["place"] for run in here if "place" in run]
            found = sum(place is not None and place <= FIRST for place in places)
            silent = sum(not run["reported"] for run in here)
            again = [one for run in here for one in run.get("elsewhere", ()) if one is not None]
            table.add_row(
                name, way, str(len(here)), f"{found}" if places else "",
                f"{silent}" if not places else "", f"{sum(one > 0 for one in again)} of {len(again)}" if again else "",
                f"{statistics.mean(run['score'] for run in here):.3f}",
                f"{statistics.mean(run['seconds'] for run in here):.1f}",
            )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
