"""Whether wrong labels are found: `python -m benchmarks.label_errors --data FOLDER`.

A twentieth of the labels of a set is made wrong by chance: choices become another option; of wnut17's spans a third is
dropped, a third gets another label and a third is cut by a word (those of a single word are dropped). Then all labels
are ranked as an inspection does after a promotion, and what is counted is how many of the first twentieth of the list
are wrong. Beside it stand chance (a list in any order), and cleanlab alone on the same probabilities:
`filter.find_label_issues` as it is called by itself, its list filled up with its own scores where it is shorter. Real
sets have wrong labels of their own, which count as right here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import spans, texts
from benchmarks.common import machine, save
from labelwheel.training.base_model import Base
from labelwheel.training.evaluation.doubts import Doubts, doubts
from labelwheel.training.evaluation.label_errors import SHARE, most_doubtful
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.questions import Example, Prediction, Question
from labelwheel.training.shared_features import SharedFeatures
from labelwheel.training.spec import LabelledExample, Part

SETS = ("snips", "trec6", "wnut17")
LENGTH = 128
ROOM = 2**30
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--labels", type=int, default=2000, help="at most so many of a set")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--share", type=float, default=0.05, help="of labels that are made wrong")
    parser.add_argument("--name", default="label-errors", help="what the figures are kept under")
    arguments = parser.parse_args()
    runs: list[Row] = []
    for name in arguments.sets:
        question, rows = read(arguments.data, name, arguments.labels)
        base, embed = Base.load(None, question, LENGTH, "cpu"), SharedFeatures(ROOM)
        for seed in arguments.seeds:
            noisy, wrong = spoilt(question, rows, arguments.share, seed)
            subject = Subject(question, noisy, _silent, lambda base=base: base, embed=embed)  # type: ignore[misc]
            runs.append({"set": name, "labels": len(rows), "seed": seed, **measured(subject, wrong)})
            print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
            save(arguments.name, {"machine": machine(), "share": arguments.share, "runs": runs})
    _show(runs)


def read(data: str | None, name: str, most: int) -> tuple[Question, list[LabelledExample]]:
    """Labelled texts of the training part, by chance, always the same; each is a group of its own unless texts are."""
    raw = texts.read(data, name, "train")
    chosen = np.random.default_rng(0).permutation(len(raw))[:most]
    raw = [raw[place] for place in chosen]
    if "spans" in raw[0] and "label" not in raw[0]:
        return spans.question_for(raw), [
            LabelledExample(
                example=Example(key=str(number), fields={"text": row["text"]}),
                answer=row["spans"],
                part=Part.TRAIN,
                group=" ".join(row["text"].lower().split()),
            )
            for number, row in enumerate(raw)
        ]
    return texts.question(raw), texts.labelled(raw, Part.TRAIN)


def spoilt(
    question: Question, rows: Sequence[LabelledExample], share: float, seed: int
) -> tuple[list[LabelledExample], set[str]]:
    """The rows with a share of labels (of spans, where they are) made wrong, and the keys of those rows."""
    chance = np.random.default_rng(seed)
    if isinstance(rows[0].answer, list):
        return _spoilt_spans(question, rows, share, chance)
    bad = set(chance.choice(len(rows), round(share * len(rows)), replace=False).tolist())
    noisy = [
        row.model_copy(update={"answer": str(chance.choice([v for v in question.values if v != row.answer]))})
        if place in bad
        else row
        for place, row in enumerate(rows)
    ]
    return noisy, {rows[place].example.key for place in bad}


def _spoilt_spans(
    question: Question, rows: Sequence[LabelledExample], share: float, chance: np.random.Generator
) -> tuple[list[LabelledExample], set[str]]:
    answers = [[dict(span) for span in row.answer] for row in rows]
    known = [(place, number) for place, answer in enumerate(answers) for number in range(len(answer))]
    chosen = chance.permutation(len(known))[: round(share * len(known))]
    bad: set[int] = set()
    for turn, one in enumerate(chosen):
        place, number = known[one]
        span, text = answers[place][number], question.text(rows[place].example)
        shorter = text[span["start"] : span["end"]].rpartition(" ")[0].rstrip()
        if turn % 3 == 1:
            span["label"] = str(chance.choice([value for value in question.values if value != span["label"]]))
        elif turn % 3 == 2 and shorter:
            span["end"] = span["start"] + len(shorter)
        else:
            span["label"] = ""
        bad.add(place)
    kept = [[span for span in answer if span["label"]] for answer in answers]
    noisy = [
        row.model_copy(update={"answer": question.check(kept[place], row.example)}) for place, row in enumerate(rows)
    ]
    return noisy, {rows[place].example.key for place in bad}


def measured(subject: Subject, wrong: set[str]) -> Row:
    """How many of the first of each list are wrong, and what it took."""
    begin, cpu = time.monotonic(), time.process_time()
    found = doubts(subject)
    assert found is not None
    listed = most_doubtful(subject, found)
    took = {"seconds": round(time.monotonic() - begin, 1), "cpu_seconds": round(time.process_time() - cpu, 1)}
    keys = [row.example.key for row in subject.problem.rows]
    first = round(SHARE * len(keys))

    def share(places: Sequence[int]) -> float:
        return round(sum(keys[place] in wrong for place in places[:first]) / first, 4)

    return {
        "wrong": len(wrong),
        "suspected": found.suspected,
        "listed": len(listed),
        "chance": round(len(wrong) / len(keys), 4),
        "cleanlab": share(alone(found)),
        "ours": share(listed),  # what a shorter list lacks counts as right
        **took,
    }


def alone(found: Doubts) -> list[int]:
    """The list that cleanlab makes of the same probabilities, as its pages show it; then the others by its scores."""
    from cleanlab import filter as of_labels
    from cleanlab import rank
    from cleanlab.token_classification import filter as of_tokens
    from cleanlab.token_classification import rank as rank_tokens

    if isinstance(found.chances, np.ndarray):
        first = of_labels.find_label_issues(
            found.given, found.chances, return_indices_ranked_by="self_confidence", n_jobs=1
        )
        order = np.argsort(rank.get_label_quality_scores(found.given, found.chances), kind="stable").tolist()
        return list(dict.fromkeys([*first.tolist(), *order]))
    there = [place for place, row in enumerate(found.given) if len(row)]
    given, chances = [found.given[place].tolist() for place in there], [found.chances[place] for place in there]
    tokens = of_tokens.find_label_issues(given, chances, n_jobs=1)
    order = np.argsort(rank_tokens.get_label_quality_scores(given, chances)[0], kind="stable").tolist()
    return [there[number] for number in dict.fromkeys([*(text for text, _ in tokens), *order])]


def _silent(examples: Sequence[Example]) -> list[Prediction]:
    raise NotImplementedError("nothing is served here, and nothing asks it")


def _show(runs: Sequence[Row]) -> None:
    table = Table("set", "labels", "made wrong", "suspected", "by chance", "cleanlab alone", "ours", "least ours")
    for name in dict.fromkeys(run["set"] for run in runs):
        there = [run for run in runs if run["set"] == name]
        means = [f"{statistics.mean(run[key] for run in there):.3f}" for key in ("chance", "cleanlab", "ours")]
        counts = [f"{statistics.mean(run[key] for run in there):.0f}" for key in ("labels", "wrong", "suspected")]
        table.add_row(name, *counts, *means, f"{min(run['ours'] for run in there):.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
