"""How much of a suggested text people would have to change: `python -m benchmarks.free_text --data FOLDER`.

On restaurants to describe (e2e_nlg): texts are drawn, learnt from, and asked about others, against what people wrote.
Each is held against one description, as people who label have one; beside it stands how far two people are apart, the
one answer that is nearest to all, and the nearest text's own answer as it is. Intervals are over draws and texts.

A text model is tuned on the same labels: the one that is named, or a tiny one whose weights know nothing.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import texts
from benchmarks.common import machine, save
from labelwheel.training import batches, job
from labelwheel.training.evaluation import metrics
from labelwheel.training.heads.nearest import Manner, NearestHead, choose
from labelwheel.training.kinds.free_text import distance
from labelwheel.training.model import Model
from labelwheel.training.questions import Example, Prediction, Question
from labelwheel.training.spec import JobSpec, LabelledExample, Part
from labelwheel.training.strategies import registry
from labelwheel.training.strategies.nearest_answer import NearestAnswer
from labelwheel.training.testing.small_text_model import small_text_model
from labelwheel.training.text_models.answers import TextAnswers

SAID = Question(name="description", kind="text", inputs=("text",), maximum=1)
COUNTS, SEEDS, HELD = (50, 200, 800), 3, 200
_RESAMPLES = 2000


class Row(NamedTuple):
    """A way of answering: what it said of each text, and what people did."""

    way: str
    said: list[str | None]
    golds: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--labels", type=int, nargs="*", default=COUNTS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--held", type=int, default=HELD)
    parser.add_argument("--text-model", help="a hub name or a folder; a tiny one that knows nothing if not given")
    arguments = parser.parse_args()
    train, test = (texts.read(arguments.data, "e2e_nlg", part) for part in ("train", "test"))
    with TemporaryDirectory(prefix="labelwheel-free-text-") as scratch, batches.quiet():
        named = arguments.text_model or str(_tiny(Path(scratch) / "tiny", train))
        _measured(arguments, named, train, test)


def _measured(arguments: argparse.Namespace, named: str, train: Sequence[Any], test: Sequence[Any]) -> None:
    table = Table("labels", "way", "answered", "of it changed (90 %)", "exact", "chrF", "ROUGE-L", "loss (90 %)")
    found = []
    for count in arguments.labels:
        drawn: dict[str, list[Row]] = {}
        for seed in range(arguments.seeds):
            for row in _once(train, test, count, arguments.held, seed, named):
                drawn.setdefault(row.way, []).append(row)
        for way, rows in drawn.items():
            told = _told(way, count, rows)
            found.append(told)
            table.add_row(
                f"{count:,}", way, f"{told['answered']:.2f}", _span(told["changed"]), f"{told['exact_match']:.3f}",
                f"{told['chrf']:.3f}", f"{told['rouge_l']:.3f}", _span(told["loss"]),
            )  # fmt: skip
    Console().print(table)
    model = arguments.text_model or "tiny"
    save(
        "free_text",
        {"machine": machine(), "text_model": model, "seeds": arguments.seeds, "held": arguments.held, "rows": found},
    )


def _once(train: Sequence[Any], test: Sequence[Any], count: int, held: int, seed: int, named: str) -> list[Row]:
    """One draw; of texts that are described more than once, one description is learnt and one measured by."""
    chance = random.Random(seed)
    learnt = chance.sample(list(train), count)
    asked = chance.sample([row for row in test if len(row["targets"]) > 1], held)
    golds, others = zip(*(chance.sample(row["targets"], 2) for row in asked), strict=True)
    rows = [
        LabelledExample(
            example=Example(key=str(place), fields={"text": row["text"]}), answer=row["target"].strip(),
            part=Part.TRAIN, group=row["text"],
        )
        for place, row in enumerate(learnt)
    ]  # fmt: skip
    examples = [Example(key=f"t{place}", fields={"text": row["text"]}) for place, row in enumerate(asked)]
    golds = [SAID.check(gold, examples[0]) for gold in golds]
    with TemporaryDirectory(prefix="labelwheel-free-text-") as scratch, batches.quiet():
        output = str(Path(scratch) / "v1")
        job.execute(JobSpec(version="v1", question=SAID, output=output, data="", artefact=False, seed=seed), rows)
        model = Model.load(output)
        shown = model.predict(SAID, examples)
        nearest = _nearest(model, examples, Manner(0.0, 1), slots=False)
        filled = _nearest(model, examples, model.head.manner)  # type: ignore[union-attr]
    written, unsure = _written(rows, examples, named, seed)
    middle = _middle([row.answer for row in rows], chance)
    return [
        Row("what is suggested", [one.answer for one in shown], golds),
        Row("the same, where it is unsure too", filled, golds),
        Row("the nearest text's answer as it is", nearest, golds),
        Row("what the text model suggests", written, golds),
        Row("the same of it, where it is unsure too", unsure, golds),
        Row("the same answer to all", [middle] * len(golds), golds),
        Row("another person", [SAID.check(other, examples[0]) for other in others], golds),
    ]


def _written(
    rows: Sequence[LabelledExample], examples: Sequence[Example], named: str, seed: int
) -> tuple[list[str | None], list[str | None]]:
    """What the text model suggests, and what it writes, where no other strategy is tried."""
    registry.unregister(NearestAnswer)
    try:
        with TemporaryDirectory(prefix="labelwheel-free-text-") as scratch, batches.quiet():
            output = str(Path(scratch) / "v1")
            spec = JobSpec(
                version="v1", question=SAID, output=output, data="", artefact=False, seed=seed, text_model=named
            )
            job.execute(spec, rows)
            answers = Model.load(output).foreign
    finally:
        registry.register(NearestAnswer)
    assert isinstance(answers, TextAnswers)
    said = answers.write(answers.read(SAID, examples))
    shown = answers.predictions(SAID, examples, said)
    written = [answers.phrasing.texts(SAID, one.tokens) if one.ended else [] for one in said]
    return [one.answer for one in shown], [texts[0] if texts else None for texts in written]


def _tiny(folder: Path, train: Sequence[Any]) -> Path:
    """Of its own making: its tokens are those of the set, its weights random."""
    said = [row[side] for row in train[:5000] for side in ("text", "target")]
    return small_text_model(folder, said, d_model=128, d_kv=32, d_ff=256)


def _nearest(model: Model, examples: Sequence[Example], manner: Manner, slots: bool = True) -> list[str | None]:
    """What the head would say if it were sure of everything."""
    from labelwheel.training import layers
    from labelwheel.training.model import pad_token

    head = model.head
    assert isinstance(head, NearestHead)
    encodings = model.kind.encode(SAID, examples, model.tokenizer, model.manifest.max_length)
    features = layers.read(model.module, encodings, pad_token(model.tokenizer)) or []
    found: list[str | None] = []
    for example, row in zip(examples, head.values(features, []), strict=True):
        if slots:
            found.append(choose(head.labelled.candidates(row, example.fields["text"]), manner).texts[0])
        else:
            place = int(np.argmax(head.labelled.features.astype(np.float32) @ row.astype(np.float32)))
            found.append(head.labelled.answers[place][0])
    return found


def _middle(answers: Sequence[str], chance: random.Random) -> str:
    few = chance.sample(list(answers), min(len(answers), 100))
    return min(few, key=lambda one: sum(distance(one, other) for other in few))


def _told(way: str, count: int, rows: Sequence[Row]) -> dict[str, Any]:
    said = [one for row in rows for one in row.said]
    golds = [gold for row in rows for gold in row.golds]
    measured = metrics.summary(SAID, golds, [Prediction(answer=one) for one in said])
    changed = [distance(one, gold) for one, gold in zip(said, golds, strict=True) if one is not None]
    losses = [0.5 if one is None else distance(one, gold) for one, gold in zip(said, golds, strict=True)]
    return {"way": way, "labels": count, "changed": _interval(changed), "loss": _interval(losses), **measured}


def _interval(values: Sequence[float]) -> list[float] | None:
    """The mean and its 90 % interval by a bootstrap."""
    if not values:
        return None
    chance, numbers = np.random.default_rng(13), np.array(values)
    means = numbers[chance.integers(len(numbers), size=(_RESAMPLES, len(numbers)))].mean(axis=1)
    return [round(float(each), 4) for each in (numbers.mean(), *np.quantile(means, [0.05, 0.95]))]


def _span(found: Sequence[float] | None) -> str:
    return "–" if found is None else f"{found[0]:.3f} ({found[1]:.3f}–{found[2]:.3f})"


if __name__ == "__main__":
    main()
