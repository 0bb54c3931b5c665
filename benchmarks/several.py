"""Fast heads where any number of options may fit: `python -m benchmarks.several --data FOLDER`.

GoEmotions, and pairs of texts of other sets with the labels of both. Labels are random, or of two options alone, as
of the first lines of a sorted file; measured is micro F1 on all other texts, and on those of the other options.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.common import machine, save
from benchmarks.labels.field import Field
from benchmarks.labels.lanes import fast
from benchmarks.labels.simple import names
from benchmarks.rounds import Stage, stage_of
from labelwheel.training.questions import Example, Kind, Question
from labelwheel.training.spec import LabelledExample, Part

SETS = ("goemotions", "snips", "trec6", "banking77")
POOL, TESTS = 2000, 800
_FOLLOWING = 20
"""With fewer options the most frequent ones are those that are labelled, else those after the first."""


def field_of(data: str | None, name: str) -> tuple[Field, list[int]]:
    """A set, or pairs of its texts where one label is right, and the places of texts to measure on."""
    stage, pool, test = stage_of(data, name)
    if stage.kind.exclusive:
        chance = np.random.default_rng(1)
        drawn = [chance.choice(part, 2) for part, count in ((pool, POOL), (test, TESTS)) for _ in range(count)]
        rows = [pair(stage, places, number) for number, places in enumerate(drawn)]
        stage = Stage(Question(name="label", kind=Kind.CHOICES, inputs=("text",), options=stage.question.options), rows)
        pool, test = list(range(POOL)), list(range(POOL, POOL + TESTS))
    field = Field(stage, pool[: 2 * POOL])
    field.embed()
    return field, test[: 2 * TESTS]


def pair(stage: Stage, places: np.ndarray, number: int) -> LabelledExample:
    """Two texts as one, with the labels of both."""
    both = [stage.rows[place] for place in places]
    said = " ".join(str(value) for row in both for value in row.example.fields.values())
    answer = sorted({str(row.answer) for row in both}, key=stage.question.places.__getitem__)
    example = Example(key=str(number), fields={"text": said})
    return LabelledExample(example=example, answer=answer, part=Part.TRAIN, group=example.key)


def run(field: Field, test: list[int], count: int, seed: int, alone: bool) -> dict[str, Any]:
    """One draw of labels."""
    chance, pool, gold = np.random.default_rng(seed), np.asarray(field.pool), field.gold
    common = np.argsort(-gold[pool].sum(axis=0))
    two = common[2 * seed :][:2] if field.classes <= _FOLLOWING else common[1 + 2 * seed :][:2]
    if alone:
        own = gold[pool][:, two].sum(axis=1)
        pool = pool[(own > 0) & (own == gold[pool].sum(axis=1))]
    head = fast(field, chance.permutation(pool)[:count].tolist(), seed)
    said, before = head(test), names(field, [], seed)(test)
    found = {"labels": count, "seed": seed, "alone": alone, "score": field.score(test, said)}
    found["names"] = field.score(test, before)
    if alone:
        others = np.flatnonzero(gold[test][:, two].sum(axis=1) == 0)
        places = [test[other] for other in others]
        found["others"] = field.score(places, [said[other] for other in others])
        found["names on others"] = field.score(places, [before[other] for other in others])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    console, runs = Console(), list[dict[str, Any]]()
    table = Table("set", "labels", "of", "names", "fast head", "names, other options", "fast head, other options")
    for name in arguments.sets:
        field, test = field_of(arguments.data, name)
        for alone in (False, True):
            for count in arguments.labels:
                here = [run(field, test, count, seed, alone) | {"set": name} for seed in range(arguments.seeds)]
                runs += here
                figures = [
                    f"{np.mean([one[what] for one in here]):.3f}" if what in here[0] else ""
                    for what in ("names", "score", "names on others", "others")
                ]
                table.add_row(name, str(count), "two options" if alone else "all", *figures)
    console.print(table)
    save("several", {"machine": machine(), "runs": runs})


if __name__ == "__main__":
    main()
