"""Accuracy by number of labels, with real jobs: `python -m benchmarks.learning --data FOLDER`.

Plain random labels of a set's training part; the job chooses on those alone, and its held-out part is the set's test
part, which never decides anything. Beside it what the regression on the frozen encoder alone reaches, and plain
logistic regression on the same embeddings (scikit-learn, C = 1 and 10).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import texts
from benchmarks.common import machine, save
from labelwheel.training.questions import Question
from labelwheel.training.spec import JobResult, JobSpec, LabelledExample, Recipe

COLUMNS = ("plain C=1", "plain C=10", "frozen", "chosen")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--set", default="snips")
    parser.add_argument("--labels", type=int, nargs="+", default=[28, 56, 140, 280])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    question, pool, held_out = texts.apart(arguments.data, arguments.set)
    runs = [_job(question, held_out, [], arguments, seed=0)]
    for count in arguments.labels:
        for seed in arguments.seeds:
            chosen = [pool[index] for index in np.random.default_rng(seed).permutation(len(pool))[:count]]
            runs.append(_job(question, held_out, chosen, arguments, seed))
            print(json.dumps(runs[-1]), file=sys.stderr)
            save(f"learning_{arguments.set}", {"machine": machine(), "runs": runs})
    _show(runs)


def _job(
    question: Question,
    held_out: list[LabelledExample],
    chosen: list[LabelledExample],
    arguments: argparse.Namespace,
    seed: int,
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        data, output, spec = (Path(scratch) / name for name in ("labels.jsonl", "checkpoint", "spec.json"))
        data.write_text("".join(row.model_dump_json() + "\n" for row in chosen + held_out), "utf-8")
        job = JobSpec(
            version="benchmark",
            question=question,
            data=str(data),
            output=str(output),
            recipe=Recipe.AUTO if chosen else Recipe.NAMES,
            seed=seed,
            device=arguments.device,
            threads=arguments.threads,
        )
        spec.write_text(job.model_dump_json(), "utf-8")
        before = os.times()
        subprocess.run([sys.executable, "-m", "labelwheel.training.job", str(spec)], check=True)
        after = os.times()
        result = JobResult.model_validate_json((output / "result.json").read_bytes())
    report: dict[str, Any] = result.report
    curve = report["learning_curve"]
    return {
        "labels": len(chosen),
        "seed": seed,
        "chosen": report["headline"]["value"],
        "what": report["chosen"],
        "reason": report["reason"],
        "frozen": curve[-1]["score"] if curve else None,
        "trials": report["trials"],
        "seconds": round(report["seconds"], 1),
        "cpu_seconds": round(sum(after[2:4]) - sum(before[2:4]), 1),
        "peak_mb": round(report["peak_memory"] / 2**20),
        **(_plain(question, chosen, held_out) if chosen else {}),
    }


def _plain(question: Question, chosen: list[LabelledExample], held_out: list[LabelledExample]) -> dict[str, float]:
    """What one would do without labelwheel: the encoder's embeddings, normalised, and logistic regression."""
    import torch
    from sklearn.linear_model import LogisticRegression

    from labelwheel.training import encoders
    from labelwheel.training.kinds import kind_of

    torch.set_num_threads(1)
    kind = kind_of(question)
    model, tokenizer = encoders.load(None, kind.config(question))

    def embed(rows: list[LabelledExample]) -> np.ndarray:
        encodings = kind.encode(question, [row.example for row in rows], tokenizer, 256)
        found = np.stack(encoders.features(model, encodings, tokenizer.pad_token_id))
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    train, test = embed(chosen), _cached("test", lambda: embed(held_out))
    answers, gold = [row.answer for row in chosen], [row.answer for row in held_out]
    return {
        f"plain C={strength}": LogisticRegression(C=strength, max_iter=1000).fit(train, answers).score(test, gold)
        for strength in (1, 10)
    }


_CACHE: dict[str, np.ndarray] = {}


def _cached(name: str, compute: Any) -> np.ndarray:
    if name not in _CACHE:
        _CACHE[name] = compute()
    return _CACHE[name]


def _show(runs: list[dict[str, Any]]) -> None:
    table = Table("labels", *COLUMNS, "chosen: least", "fine-tuned", "seconds", "CPU seconds")
    for count in sorted({run["labels"] for run in runs}):
        there = [run for run in runs if run["labels"] == count]

        def median(name: str, there: list[dict[str, Any]] = there) -> str:
            values = [run[name] for run in there if run.get(name) is not None]
            return f"{statistics.median(values):.3f}" if values else ""

        table.add_row(
            str(count) if count else "names",
            *map(median, COLUMNS),
            f"{min(run['chosen'] for run in there):.3f}",
            f"{sum('fine-tuned' in run['what'] for run in there)} of {len(there)}",
            f"{statistics.median(run['seconds'] for run in there):.0f}",
            f"{statistics.median(run['cpu_seconds'] for run in there):.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
