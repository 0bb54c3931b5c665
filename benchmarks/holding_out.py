"""What holding out costs: `python -m benchmarks.holding_out --data FOLDER`.

People label texts in a random order, of which a fifth is held out by the hash of its near-duplicates' group. Once so
many independent held-out examples are labelled as "enough" says, groups that nobody has labelled yet are held out by a
twentieth instead, so that the rest of them teach. Of each draw of labels: accuracy on the set's test part of a round's
regression on the frozen encoder, and half the width of the 95 % interval that the project itself could give for it.
"never" is what Labelwheel does, "0" what people would have if nothing but a twentieth was ever held out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.common import machine, save
from benchmarks.rounds import Stage, stage_of
from labelwheel.training.evaluation.families import split
from labelwheel.training.evaluation.splits import Placement, side
from labelwheel.training.spec import Part

KEPT = 0.05
"""The share that is held out beyond enough."""

NEVER = sys.maxsize
TEXTS = 20_000
Sides = tuple[list[int], list[int]]


def sides(order: Sequence[int], placements: Sequence[Placement], enough: int, salt: str) -> Sides:
    """Which of the labelled texts teach and which measure; `placements` are those of the texts in that order."""
    train, held_out = list[int](), list[int]()
    measuring = set[str]()
    moved = set[str]()
    for place, (group, part) in zip(order, placements, strict=True):
        if part is Part.HELD_OUT and group not in measuring | moved:
            spared = len(measuring) >= enough and side(group, salt=salt, share=KEPT) is Part.TRAIN
            (moved if spared else measuring).add(group)
        if part is Part.TRAIN or group in moved:
            train.append(place)
        elif part is Part.HELD_OUT:
            held_out.append(place)
    return train, held_out


def accurate(stage: Stage, train: Sequence[int], asked: Sequence[int]) -> np.ndarray:
    """Which of the texts a round's regression on the frozen encoder answers as people do, from the labels of others."""
    rows = [stage.rows[place] for place in train]
    given = stage.materials(rows, rows, [])
    head = given.frozen.written(given.frozen.fit(range(len(rows)), given.setting))
    said = (np.stack([stage.features[place] for place in asked]) @ head.weight.T + head.bias).argmax(1)
    return np.array(
        [
            stage.id2label[int(number)] == str(stage.rows[place].answer)
            for place, number in zip(asked, said, strict=True)
        ]
    )


def runs(
    stage: Stage, pool: Sequence[int], test: Sequence[int], counts: Sequence[int], enough: Sequence[int], seed: int
) -> Iterator[dict[str, Any]]:
    """Each number of labels of one draw, once with each number that is enough."""
    order, salt = stage.draw(pool, max(counts), seed, skewed=False), str(seed)
    # a later text moves no earlier one, so the first of them are as they would be alone
    placements = split([stage.rows[place].example.fields["text"] for place in order], salt=salt)
    for count in (count for count in counts if count <= len(order)):
        known = dict[int, tuple[float, float]]()
        for limit in (NEVER, *enough):
            train, held_out = sides(order[:count], placements[:count], limit, salt)
            measuring = set(held_out)
            groups = len({each.group for place, each in zip(order, placements, strict=True) if place in measuring})
            if len(train) not in known:  # what teaches with more that is enough is a part of what does with less
                right = accurate(stage, train, [*test, *held_out])
                known[len(train)] = float(right[: len(test)].mean()), float(right[len(test) :].mean())
            accuracy, measured = known[len(train)]
            width = 1.96 * np.sqrt(max(measured * (1 - measured), 1e-9) / max(groups, 1))
            yield {
                "labels": count, "seed": seed, "enough": "never" if limit == NEVER else limit, "train": len(train),
                "held_out_groups": groups, "accuracy": round(accuracy, 4), "measured": round(measured, 4),
                "half_width": round(float(width), 4),
            }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=["banking77"])
    parser.add_argument("--labels", type=int, nargs="+", default=[1000, 2000, 4000])
    parser.add_argument("--enough", type=int, nargs="+", default=[0, 50, 200, 400])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--name", default="holding-out", help="what the figures are kept under")
    arguments = parser.parse_args()
    began, found = time.process_time(), list[dict[str, Any]]()
    for name in arguments.sets:
        stage, pool, test = stage_of(arguments.data, name, TEXTS)
        for seed in range(arguments.seeds):
            for row in runs(stage, pool, test, arguments.labels, arguments.enough, seed):
                found.append({"set": name, **row})
                print(found[-1], file=sys.stderr)
            record = {
                "machine": machine(),
                "cpu_seconds": round(time.process_time() - began),
                "runs": found,
            }
            save(arguments.name, record)
    show(found)


def show(found: Sequence[dict[str, Any]]) -> None:
    """Means over seeds, and what each number that is enough gains over never: its mean, least and most."""
    table = Table("set", "labels", "enough", "learnt from", "held-out groups", "accuracy", "gain", "± of the interval")
    for key in dict.fromkeys((row["set"], row["labels"], row["enough"]) for row in found):
        own = [row for row in found if (row["set"], row["labels"], row["enough"]) == key]
        base = {r["seed"]: r["accuracy"] for r in found if (r["set"], r["labels"], r["enough"]) == (*key[:2], "never")}
        gains = [row["accuracy"] - base[row["seed"]] for row in own]
        means = (np.mean([row[name] for row in own]) for name in ("train", "held_out_groups"))
        table.add_row(
            *map(str, key), *(f"{mean:.0f}" for mean in means), f"{np.mean([row['accuracy'] for row in own]):.3f}",
            f"{np.mean(gains):+.4f} ({min(gains):+.4f}, {max(gains):+.4f})",
            f"{np.mean([row['half_width'] for row in own]):.3f}",
        )  # fmt: skip
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
