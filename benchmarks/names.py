"""How far label names alone get, before the first label: `python -m benchmarks.names --data FOLDER`."""

from __future__ import annotations

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import texts
from training import batches, encoders
from training.candidates import names
from training.candidates.frozen import names_head
from training.learners import learner_for
from training.spec import Part

SETS = ("snips", "trec6", "sst2", "vader_tweets")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--base-model", help="a folder or hub name; the embedded MiniLM otherwise")
    arguments = parser.parse_args()
    table = Table("set", "labels", "texts", "accuracy", "mean score", "log loss")
    for name in arguments.sets:
        rows = texts.read(arguments.data, name, "test")
        question = texts.question(rows)
        learner = learner_for(question)
        config = learner.config(question)
        model, tokenizer = encoders.load(arguments.base_model, config)
        said = names.directions(question, model, tokenizer, 256)
        assert said is not None
        head = names_head(said[0], question.kind)
        encoders.write_head(model, head.weight / said[1], head.bias)
        labelled = texts.labelled(rows, Part.HELD_OUT)
        examples = [row.example for row in labelled]
        encodings = learner.encode(question, examples, tokenizer, 256)
        logits = np.stack(batches.forward(model, encodings, tokenizer.pad_token_id))
        found = learner.decode(question, examples, encodings, list(logits), config["id2label"], {})
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
    Console().print(table)


if __name__ == "__main__":
    main()
