"""How far label names alone get, before the first label: `python -m benchmarks.names --data FOLDER`.

Choices by accuracy; several labels and taxonomies by how many texts get a suggestion and how good those are, beside
what a threshold of the cosine (.4) would give.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import domains, texts
from benchmarks.common import machine, save
from labelwheel.training import batches, encoders
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import PATH_SEPARATOR, Example, Kind, Option, Question
from labelwheel.training.spec import Part
from labelwheel.training.strategies import label_names
from labelwheel.training.strategies.label_names import names_head

SETS = ("snips", "trec6", "sst2", "vader_tweets")
TAXONOMY = "clinc150 by domain"
SEVERAL = ("goemotions", "banking77", "clinc150", TAXONOMY)
_MOST_TEXTS = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--several", nargs="*", default=SEVERAL)
    parser.add_argument("--base-model", help="a folder or hub name; the embedded MiniLM otherwise")
    arguments = parser.parse_args()
    table = Table("set", "labels", "texts", "accuracy", "mean score", "log loss")
    for name in arguments.sets:
        rows = texts.read(arguments.data, name, "test")
        question = texts.question(rows)
        kind = kind_of(question)
        config = kind.config(question)
        model, tokenizer = encoders.load(arguments.base_model, config)
        said = label_names.directions(question, model, tokenizer, 256)
        assert said is not None
        head = names_head(said[0], kind)
        encoders.write_head(model, head.weight / said[1], head.bias)
        labelled = texts.labelled(rows, Part.HELD_OUT)
        examples = [row.example for row in labelled]
        encodings = kind.encode(question, examples, tokenizer, 256)
        logits = np.stack(batches.forward(model, encodings, tokenizer.pad_token_id))
        found = kind.decode(question, examples, encodings, list(logits), config["id2label"], {})
        gold = np.array([config["label2id"][row.answer] for row in labelled])
        likely = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        right = np.mean([one.answer == row.answer for one, row in zip(found, labelled, strict=True)])
        table.add_row(
            name,
            str(len(question.options)),
            str(len(rows)),
            f"{right:.3f}",
            f"{np.mean([one.score for one in found]):.3f}",
            f"{-likely[np.arange(len(gold)), gold].mean():.3f}",
        )
    if arguments.sets:
        Console().print(table)
    runs = [_several(arguments, name) for name in arguments.several]
    if runs:
        save("names", {"machine": machine(), "several": runs})
        _show(runs)


def _several(arguments: argparse.Namespace, name: str) -> dict[str, Any]:
    """One set as a question that any number of options may answer."""
    rows = texts.read(arguments.data, name.split()[0], "test")
    gold = [[_path(name, str(each)) for each in row.get("labels") or [row["label"]]] for row in rows]
    options = tuple(Option(value=value) for value in sorted({value for found in gold for value in found}))
    asked = Kind.TAXONOMY if name == TAXONOMY else Kind.CHOICES
    question = Question(name="labels", kind=asked, inputs=("text",), options=options)
    kind = kind_of(question)
    config = kind.config(question)
    model, tokenizer = encoders.load(arguments.base_model, config)
    said = label_names.directions(question, model, tokenizer, 256)
    assert said is not None
    head = names_head(said[0], kind)
    encoders.write_head(model, head.weight / said[1], head.bias)
    chosen = np.random.default_rng(0).permutation(len(rows))[:_MOST_TEXTS]
    examples = [Example(key=str(place), fields={"text": rows[place]["text"]}) for place in chosen]
    encodings = kind.encode(question, examples, tokenizer, 256)
    logits = batches.forward(model, encodings, tokenizer.pad_token_id)
    run: dict[str, Any] = {"set": name, "options": len(options), "texts": len(examples)}
    for way, calibration in (("threshold", {}), ("lead", label_names.settled(kind))):
        found = kind.decode(question, examples, encodings, logits, config["id2label"], calibration)
        answers = [set(kind.labels(question, one.answer or [])) for one in found]
        hits = sum(len(answer & set(gold[place])) for answer, place in zip(answers, chosen, strict=True))
        given, wanted = sum(map(len, answers)), sum(len(gold[place]) for place in chosen)
        run[way] = {
            "answered": sum(map(bool, answers)) / len(answers),
            "options": given / max(sum(map(bool, answers)), 1),
            "precision": hits / max(given, 1),
            "micro_f1": 2 * hits / (given + wanted),
        }
    return run


def _path(name: str, label: str) -> str:
    return f"{domains.ABOVE[label]}{PATH_SEPARATOR}{label}" if name == TAXONOMY else label


def _show(runs: list[dict[str, Any]]) -> None:
    table = Table("set", "options", "by", "texts answered", "options in an answer", "precision", "micro F1")
    for run in runs:
        for way in ("threshold", "lead"):
            row = run[way]
            figures = [f"{row[key]:.3f}" for key in ("answered", "options", "precision", "micro_f1")]
            table.add_row(run["set"], str(run["options"]), way, *figures)
    Console().print(table)


if __name__ == "__main__":
    main()
