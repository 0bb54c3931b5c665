"""Whether a model's scores on unlabelled texts narrow the interval of its accuracy.

    make bench-prediction-powered ARGS="--data FOLDER"

Of some texts people say whether the model is right; of many more it is only known how sure the model is. Prediction-
powered inference (Angelopoulos et al. 2023, arXiv 2301.09633; its power tuned to the sample, arXiv 2311.01453) takes
the scores' mean on the many for what it says of the few. Each draw: Wilson's interval; that of the tuned estimate, as
its authors have it; Wilson's around that estimate, with as many examples as it is `worth`; and that with a guard, which
keeps to Wilson's own unless scores and answers go together beyond chance. Truth is the accuracy on all test texts, of
which both parts are drawn with repetition.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

from benchmarks.common import machine, save
from benchmarks.rounds import Stage, stage_of

SETS = ("trec6", "snips", "sst2", "banking77", "clinc150", "vader_tweets")
TEXTS, UNLABELLED, DRAWS = 6_000, 1_500, 2_000
LEVEL = 0.95
Z = float(stats.norm.ppf(0.5 + LEVEL / 2))
WAYS = ("wilson", "tuned", "worth", "guarded")
Edges = tuple[np.ndarray, np.ndarray]


def answered(stage: Stage, train: Sequence[int], asked: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Whether a round's regression on the frozen encoder is right, and how sure it is, by text."""
    rows = [stage.rows[place] for place in train]
    given = stage.materials(rows, rows, [])
    head = given.frozen.written(given.frozen.fit(range(len(rows)), given.setting))
    logits = np.stack([stage.features[place] for place in asked]) @ head.weight.T + head.bias
    chances = np.exp(logits - logits.max(1, keepdims=True))
    said = [stage.id2label[int(number)] for number in logits.argmax(1)]
    right = [one == str(stage.rows[place].answer) for one, place in zip(said, asked, strict=True)]
    return np.array(right, dtype=float), (chances / chances.sum(1, keepdims=True)).max(1)


def wilson(share: np.ndarray, count: np.ndarray) -> Edges:
    """Wilson's interval of a share of so many, which need not be whole."""
    share = np.clip(share, 0.0, 1.0)
    middle = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z * np.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2)) / (1 + Z**2 / count)
    return middle - half, middle + half


def edges(right: np.ndarray, sure: np.ndarray, labels: int, chance: np.random.Generator) -> dict[str, Edges]:
    """By way, the lower and the upper edges of many draws."""
    few = chance.integers(len(right), size=(DRAWS, labels))
    many = chance.integers(len(right), size=(DRAWS, UNLABELLED))
    answer, score, others = right[few], sure[few], sure[many]
    plain = answer.mean(1)
    both = ((answer - plain[:, None]) * (score - score.mean(1)[:, None])).sum(1) / (labels - 1)
    spread = np.maximum(np.concatenate([score, others], 1).var(1, ddof=1), 1e-12)
    power = np.clip(both / (1 + labels / UNLABELLED) / spread, 0.0, 1.0)
    tuned = plain + power * (others.mean(1) - score.mean(1))
    variance = (answer - power[:, None] * score).var(1, ddof=1) / labels + power**2 * others.var(1) / UNLABELLED
    usual = np.maximum(answer.var(1, ddof=1) / labels, 1e-12)
    worth = labels * np.maximum(usual / np.maximum(variance, 1e-12), 1.0)
    worth = np.where(answer.var(1) > 0, np.minimum(worth, labels + UNLABELLED), labels)
    deviation = np.sqrt(np.maximum(answer.var(1, ddof=1) * score.var(1, ddof=1), 1e-12))
    least = np.tanh(np.arctanh(np.clip(both / deviation, -0.999, 0.999)) - Z / np.sqrt(max(labels - 3, 1)))
    half = Z * np.sqrt(variance)
    found = {
        "wilson": wilson(plain, np.full(DRAWS, labels)),
        "tuned": (tuned - half, tuned + half),
        "worth": wilson(tuned, worth),
    }
    narrow, guarded = least > 0, found["worth"]
    low, high = (np.where(narrow, one, other) for one, other in zip(guarded, found["wilson"], strict=True))
    return found | {"guarded": (low, high)}


def run(data: str | None, name: str, learnt: Sequence[int], labels: Sequence[int], seeds: int) -> list[dict[str, Any]]:
    """Coverage, and width of Wilson's, for models that have learnt from so many labels, several of each."""
    stage, pool, test = stage_of(data, name, TEXTS)
    found = []
    for count in learnt:
        for seed in range(seeds):
            right, sure = answered(stage, stage.draw(pool, count, seed, skewed=False), test)
            for few in labels:
                chance = np.random.default_rng([seed, few])
                told = edges(right, sure, few, chance)
                usual = np.mean(told["wilson"][1] - told["wilson"][0])
                found.append(
                    {"set": name, "learnt": count, "seed": seed, "labels": few, "accuracy": round(right.mean(), 4),
                     "correlation": round(float(np.corrcoef(right, sure)[0, 1]), 3)}
                    | {way: round(float(np.mean((low <= right.mean()) & (right.mean() <= high))), 4)
                       for way, (low, high) in told.items()}
                    | {f"{way} width": round(float(np.mean(high - low) / usual), 4)
                       for way, (low, high) in told.items()}
                )  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--learnt", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--labels", type=int, nargs="+", default=[20, 50, 100, 200])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    began, found = time.process_time(), list[dict[str, Any]]()
    for name in arguments.sets:
        found += run(arguments.data, name, arguments.learnt, arguments.labels, arguments.seeds)
        told = {"machine": machine(), "cpu_seconds": round(time.process_time() - began), "draws": DRAWS, "runs": found}
        save("prediction-powered", told)
    show(found)


def show(found: Sequence[dict[str, Any]]) -> None:
    """By number of labels: the share of draws that hold the truth (the least of all models), and the mean width."""
    table = Table("labels", *(f"{way} {what}" for way in WAYS for what in ("holds", "least", "width")))
    for labels in sorted({row["labels"] for row in found}):
        own = [row for row in found if row["labels"] == labels]
        cells = []
        for way in WAYS:
            held = [row[way] for row in own]
            cells += [
                f"{np.mean(held):.3f}",
                f"{min(held):.3f}",
                f"{np.mean([row[f'{way} width'] for row in own]):.3f}",
            ]
        table.add_row(str(labels), *cells)
    Console(width=180).print(table)


if __name__ == "__main__":
    main()
