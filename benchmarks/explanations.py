"""Whether the words that are said to have carried an answer did: `make bench-explanations ARGS="--data FOLDER"`.

A round learns from 256 random labels without fine-tuning: a regression on the frozen encoder, for spans a chain of
words on its layers. Its checkpoint then answers texts of the test part, and a fifth of the words of each is taken away:
those that the explanation marks, and as many by chance, five times. Counted is how often what was answered is gone: a
choice changes; one of several labels, or a span (whose own words stay) is no longer there.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import spans, texts
from benchmarks.common import data_folder, jsonl, machine, save
from labelwheel.training.evaluation import faithfulness
from labelwheel.training.evaluation.explanation import explain
from labelwheel.training.evaluation.families import split
from labelwheel.training.job import read_rows
from labelwheel.training.model import Model
from labelwheel.training.progress import Progress
from labelwheel.training.questions import Example, Prediction, Question
from labelwheel.training.run import Run
from labelwheel.training.spec import JobSpec, LabelledExample

SETS = ("trec6", "sst2", "snips", "goemotions", "wnut17")


def learnt(data: str | None, name: str, count: int, tests: int, seed: int, folder: Path) -> tuple[Model, list[Example]]:
    """What a round makes of so many labels, and texts that it has not seen."""
    rows, test = (jsonl(data_folder(data, name) / f"{part}.jsonl") for part in ("train", "test"))
    in_spans = "label" not in rows[0] and "labels" not in rows[0]
    question = spans.question_for(rows) if in_spans else texts.question(rows + test)
    chance = random.Random(seed)
    drawn = chance.sample(rows, count)
    placed = split([row["text"] for row in drawn], salt=f"benchmark {seed}")
    labelled = [
        LabelledExample(
            example=(example := Example(key=str(number), fields={"text": row["text"]})),
            answer=question.check(_answer(row), example),
            part=part,
            group=group,
        )
        for number, (row, (group, part)) in enumerate(zip(drawn, placed, strict=True))
    ]
    data_file = folder / "labels.jsonl"
    data_file.write_text("".join(row.model_dump_json() + "\n" for row in labelled), "utf-8")
    spec = JobSpec(
        version="checkpoint", question=question, data=str(data_file), output=str(folder / "checkpoint"),
        fine_tuning=False, artefact=False, threads=1, seed=seed,
    )  # fmt: skip
    Run(spec, read_rows(data_file, question), Progress()).execute()
    asked = chance.sample(test, len(test))
    examples = [Example(key=str(number), fields={"text": row["text"]}) for number, row in enumerate(asked)]
    model = Model.load(spec.output, threads=1)
    return model, _answered(question, model, examples, tests)


def _answered(question: Question, model: Model, examples: list[Example], tests: int) -> list[Example]:
    """So many of the texts for which anything is suggested: nothing else can be explained."""
    said = [model.kind.shown(one, model.kind.shown_from()) for one in model.predict(question, examples[: 20 * tests])]
    return [one for one, prediction in zip(examples, said, strict=False) if prediction.answer not in (None, [])][:tests]


def _answer(row: dict[str, Any]) -> Any:
    if "spans" in row and "label" not in row:
        return row["spans"]
    return [str(each) for each in row["labels"]] if "labels" in row else str(row["label"])


def measured(model: Model, examples: list[Example], seed: int) -> dict[str, Any]:
    """How often items are gone, without the marked words and without others."""
    question, kind = model.manifest.question, model.kind
    asked = 0

    def answer(examples: Sequence[Example]) -> list[Prediction]:
        nonlocal asked
        asked += len(examples)
        return model.predict(question, examples)

    began = time.monotonic()
    # what is explained is what people are shown
    shown = [kind.shown(one, kind.shown_from()) for one in model.predict(question, examples)]
    explanations = [explain(question, one, answer, said) for one, said in zip(examples, shown, strict=True)]
    seconds, passes = time.monotonic() - began, asked
    found = faithfulness.deletion(question, examples, answer, seed, explanations)
    marked, by_chance = (
        statistics.mean(one) for one in zip(*((each.marked, each.random) for each in found), strict=True)
    )
    return {
        "texts": len(examples), "items": len(found), "words": statistics.mean(len(one.words) for one in explanations),
        "marked": marked, "random": by_chance, "ratio": marked / by_chance if by_chance else None,
        "passes_per_text": passes / len(examples), "ms_per_text": 1000 * seconds / len(examples),
    }  # fmt: skip


def main() -> None:
    """Measure, print the table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the data sets (default: LABELWHEEL_DATA)")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--labels", type=int, default=256)
    parser.add_argument("--tests", type=int, default=50)
    parser.add_argument("--out", default="explanations", help="the name of the file of raw numbers")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for seed in arguments.seeds:
        for name in arguments.sets:
            with tempfile.TemporaryDirectory(prefix="labelwheel-explanations-") as scratch:
                model, examples = learnt(arguments.data, name, arguments.labels, arguments.tests, seed, Path(scratch))
                runs.append({"set": name, "labels": arguments.labels, "seed": seed, "recipe": model.manifest.recipe}
                            | measured(model, examples, seed))  # fmt: skip
            file = save(arguments.out, {"machine": machine(), "runs": runs})
    table = Table("set", "seed", "items", "words", "gone, marked", "gone, random", "ratio", "answers a text")
    for run in runs:
        ratio = f"{run['ratio']:.1f}" if run["ratio"] is not None else "none"
        table.add_row(
            run["set"], str(run["seed"]), str(run["items"]), f"{run['words']:.1f}", f"{run['marked']:.3f}",
            f"{run['random']:.3f}", ratio, f"{run['passes_per_text']:.0f}",
        )  # fmt: skip
    Console().print(table)
    print(f"kept in {file}")


if __name__ == "__main__":
    main()
