"""Whether a span's score is how often such spans are exactly right: `python -m benchmarks.span_scores --data FOLDER`.

The fast lane's head, which rounds propose too while they have seconds: texts of a file are learnt from, and spans of
other texts of the same file are compared with people's, edges and label. The expected calibration error is over ten
bins of equally many spans; with 300 spans, scores that are true have one of .06 by chance, with 1,500 of .03.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks import spans
from benchmarks.common import data_folder, jsonl, machine, save
from benchmarks.labels.span_features import Encoder
from benchmarks.labels.span_sets import examples_of
from labelwheel.training.evaluation.calibration import expected_calibration_error
from labelwheel.training.heads import span_fit
from labelwheel.training.kinds import kind_of

SETS, LABELS, TESTS = ("wnut17", "btc", "ncbi_disease"), (100, 200, 400), 1000


def runs(data: str | None, name: str, counts: Sequence[int], seed: int) -> Iterator[dict[str, Any]]:
    """What a head on so many texts says of the same other ones."""
    rows = [row for row in jsonl(data_folder(data, name) / "train.jsonl") if row["text"].strip()]
    question, drawn = spans.question_for(rows), random.Random(seed).sample(rows, len(rows))
    kind, encode, most = kind_of(question), Encoder(question), max(counts)
    learnt = {row["text"] for row in drawn[:most]}
    examples, answers = examples_of(question, drawn[:most], "train")
    tests, golds = examples_of(question, [row for row in drawn[most:] if row["text"] not in learnt][:TESTS], "test")
    encodings, features = encode(examples)
    test_encodings, test_features = encode(tests)
    for count in counts:
        own = [place for place, row in enumerate(encodings) if row.example < count]
        began = time.process_time()
        fitted = span_fit.fit(
            question, examples[:count], answers[:count],
            [features[place] for place in own], [encodings[place] for place in own],
        )  # fmt: skip
        spent = time.process_time() - began
        said = fitted.head.decode(question, tests, test_encodings, fitted.head.values(test_features, []))
        scores = [score for one in said for score in one.item_scores]
        right = [
            span in question.comparable(gold, example)
            for example, gold, one in zip(tests, golds, said, strict=True)
            for span in question.comparable(one.answer or [], example)
        ]
        f1 = kind.headline([kind.score(question, *each) for each in zip(tests, golds, said, strict=True)])
        yield {
            "set": name, "labels": count, "seed": seed, "spans": len(scores), "f1": round(f1, 4),
            "error": round(expected_calibration_error(scores, right), 4),
            "surplus": round(float(np.mean(scores) - np.mean(right)), 4), "cpu_seconds": round(spent, 2),
            "spans_out_of_fold": sum(len(one.answer or ()) for one in fitted.out_of_fold),
        }  # fmt: skip


def show(found: Sequence[dict[str, Any]]) -> None:
    """Means over seeds."""
    names = ("spans_out_of_fold", "spans", "f1", "error", "surplus", "cpu_seconds")
    table = Table("set", "texts", *(name.replace("_", " ") for name in names))
    for key in dict.fromkeys((row["set"], row["labels"]) for row in found):
        own = [row for row in found if (row["set"], row["labels"]) == key]
        table.add_row(key[0], str(key[1]), *(f"{np.mean([row[name] for row in own]):.3f}" for name in names))
    Console(width=120).print(table)
    for name in ("error", "f1"):
        print(f"{name} in the mean: {np.mean([row[name] for row in found]):.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--labels", type=int, nargs="+", default=LABELS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--name", default="span-scores", help="what the figures are kept under")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: list[dict[str, Any]] = []
    for seed in range(arguments.seeds):
        for name in arguments.sets:
            for run in runs(arguments.data, name, sorted(arguments.labels), seed):
                found.append(run)
                print(json.dumps(run), file=sys.stderr, flush=True)
                save(arguments.name, {"machine": machine(), "runs": found})
    show(found)


if __name__ == "__main__":
    main()
