"""What an order is worth: `make bench-orders ARGS="--data FOLDER"`.

People label 300 of some 1,000 texts, twenty at a time in the order that is shown; then a regression on the frozen
encoder, held to the label names, learns from all of them and answers the others anew. For each order: accuracy and the
mean F1 of the classes on texts kept apart after 20, 100, 200 and 300 labels, and how many suggestions were right as
they were shown. Means over sets and seeds, with the standard error of the difference from random within each.
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from benchmarks import texts
from benchmarks.common import machine, save
from labelwheel.backend.suggestions.ordering import ORDERS
from labelwheel.backend.suggestions.so_far import TEXTS, SoFar
from labelwheel.plugins.capabilities import Candidate
from labelwheel.training import encoders
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Example
from labelwheel.training.strategies import label_names

SETS = ("trec6", "snips", "banking77", "sst2")
POOL, TEST, LABELS, STEP = 1000, 500, 300, 20
SHOWN = (20, 100, 200, 300)
_NAMES_AS = 2.0
"""The label names count as so many labels of each class."""


class Texts(NamedTuple):
    """A set with its features of length 1; `named` has the cosine with each label's name."""

    said: list[str]
    features: np.ndarray
    gold: np.ndarray
    named: np.ndarray


def prepared(data: str | None, name: str, seed: int) -> tuple[Texts, Texts]:
    """The pool, and what is kept apart."""
    rows = texts.read(data, name, "train")
    question = texts.question(rows)
    kind = kind_of(question)
    config = kind.config(question)
    model, tokenizer = encoders.load(None, config)
    said = label_names.directions(question, model, tokenizer, 128)
    assert said is not None
    chosen = np.random.default_rng(seed).permutation(len(rows))[: POOL + TEST]
    picked = [rows[index] for index in chosen]
    examples = [Example(key=str(place), fields={"text": row["text"]}) for place, row in enumerate(picked)]
    found = encoders.features(model, kind.encode(question, examples, tokenizer, 128), tokenizer.pad_token_id)
    features = np.stack(found)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    gold = np.array([config["label2id"][row["label"]] for row in picked])
    parts = [
        Texts([row["text"] for row in picked[part]], features[part], gold[part], features[part] @ said[0].T)
        for part in (slice(None, POOL), slice(POOL, None))
    ]
    return parts[0], parts[1]


def answers(pool: Texts, labels: list[int], asked: Texts) -> np.ndarray:
    """Probabilities (texts, classes): a balanced regression times what the names say, which fades."""
    named = label_names.SHARPNESS * asked.named
    classes = sorted(set(pool.gold[labels].tolist()))
    logits = named * (_NAMES_AS / (_NAMES_AS + max(len(labels) / named.shape[1], 1.0)) if labels else 1.0)
    if len(classes) > 1:
        model = LogisticRegression(C=10, class_weight="balanced", max_iter=300)
        model.fit(pool.features[labels], pool.gold[labels])
        learnt = np.full(logits.shape, -np.log(1e4))
        learnt[:, classes] = model.predict_log_proba(asked.features)
        logits = logits + learnt
    likely = np.exp(logits - logits.max(axis=1, keepdims=True))
    return likely / likely.sum(axis=1, keepdims=True)


def labelling(pool: Texts, test: Texts, name: Any) -> dict[str, float]:
    """One person labels in an order."""
    labels: list[int] = []
    right, found = 0, {}
    while len(labels) < LABELS:
        likely = answers(pool, labels, pool)
        best, sure = likely.argmax(axis=1), likely.max(axis=1)
        left = [index for index in range(len(pool.said)) if index not in set(labels)]
        candidates = [
            Candidate(key=str(i), text=pool.said[i], score=float(sure[i]), answers=(f"label {best[i]}",)) for i in left
        ]
        so_far = SoFar(
            Counter(f"label {one}" for one in pool.gold[labels]), len(labels), [pool.said[i] for i in labels[-TEXTS:]]
        )
        taken = [int(each.key) for each in ORDERS[name](candidates, 200, so_far)[:STEP]]
        right += int((best[taken] == pool.gold[taken]).sum())
        labels += taken
        if len(labels) in SHOWN:
            said = answers(pool, labels, test).argmax(axis=1)
            found[f"accuracy at {len(labels)}"] = float((said == test.gold).mean())
            found[f"macro F1 at {len(labels)}"] = float(f1_score(test.gold, said, average="macro"))
    return {**found, f"accepted of {LABELS}": right / LABELS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for name in arguments.sets:
        for seed in range(arguments.seeds):
            pool, test = prepared(arguments.data, name, seed)
            found = {each: labelling(pool, test, each) for each in ORDERS}
            runs.append({"set": name, "seed": seed, "found": found})
            print(name, seed, found, flush=True)
    measures = list(runs[0]["found"]["random"])
    table = Table("order", *measures)
    for each in ORDERS:
        cells = []
        for measure in measures:
            values = np.array([run["found"][each][measure] for run in runs])
            change = values - [run["found"]["random"][measure] for run in runs]
            error = change.std(ddof=1) / np.sqrt(len(change)) if len(change) > 1 else 0.0
            cells.append(
                f"{values.mean():.3f}" + ("" if each == "random" else f" ({change.mean():+.3f} ± {error:.3f})")
            )
        table.add_row(each, *cells)
    Console(highlight=False).print(table)
    kept = save("orders", {"machine": machine(), "pool": POOL, "test": TEST, "step": STEP, "runs": runs})
    print(f"kept in {kept}")


if __name__ == "__main__":
    main()
