"""Fine-tuning on a GPU: ours against transformers.Trainer as the stock text examples use it, in one run.

    python3 -m benchmarks.gpu.training --data FOLDER [--quick] [--device cuda]

Examples and tokens a second of one epoch over SNIPS' intents (lengths as they are), and the share of the card's
bfloat16 peak that the products of these tokens take: three times those of a forward pass. MiniLM is the embedded one,
the larger encoders are made from configs with random weights, since nothing is fetched. The stock loop is that of the
text examples of label-studio-ml-backend: batches of eight as they come, padded to the longest, in float32.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.common import data_folder, jsonl, machine, save
from benchmarks.engines.figures import Figure
from benchmarks.engines.gpu import operations, peak
from labelwheel.training import encoders
from labelwheel.training.kinds import kind_of
from labelwheel.training.model import pad_token
from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.strategies import finetuning_loop
from labelwheel.training.strategies.finetuning import FineTuned, copier
from labelwheel.training.strategies.problem import Problem

SIZES: dict[str, dict[str, int] | None] = {
    "MiniLM (23 million)": None,
    "BERT base (110 million)": {},
    "BERT of 400 million": {
        "hidden_size": 1024, "num_hidden_layers": 29, "num_attention_heads": 16, "intermediate_size": 4096,
    },
}  # fmt: skip
BACKWARD = 3
"""A step takes about three times the products of a forward pass."""


def question_of(rows: list[dict[str, Any]]) -> Question:
    """Which label a text has."""
    options = tuple(Option(value=name) for name in sorted({row["label"] for row in rows}))
    return Question(name="intent", kind=Kind.CHOICE, inputs=("text",), options=options)


def labelled(rows: list[dict[str, Any]], held_out: int = 0) -> list[LabelledExample]:
    """Rows as a job reads them; every so many is held out."""
    return [
        LabelledExample(
            example=Example(key=str(number), fields={"text": row["text"]}), answer=row["label"],
            part=Part.HELD_OUT if held_out and number % held_out == 0 else Part.TRAIN, group=str(number),
        )
        for number, row in enumerate(rows)
    ]  # fmt: skip


def problem_of(rows: list[dict[str, Any]], tokenizer: Any) -> Problem:
    """The intents of some rows as a job has them."""
    question = question_of(rows)
    return Problem.build(question, kind_of(question), labelled(rows), tokenizer, 256)


def made(size: dict[str, int] | None, folder: Path) -> str | None:
    """The folder of an encoder with random weights; None is the embedded MiniLM."""
    if size is None:
        return None
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(13)
    BertModel(BertConfig(vocab_size=30522, **size)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(encoders.locate(None), local_files_only=True).save_pretrained(folder)
    return str(folder)


def ours(base: str | None, rows: list[dict[str, Any]], device: str, batch: int) -> tuple[float, Problem, Any]:
    """Seconds of an epoch of `labelwheel.training.strategies.finetuning_loop`, the problem and the encoder's config."""
    problem, model = _loaded(base, rows, device)
    wanted = finetuning_loop.Settings(epochs=1, batch_size=batch)
    tuned = FineTuned("ours", problem, copier(model, device), None, 0, 1.0, wanted, float("inf"))
    tuned.step_seconds()
    settings = tuned.settings
    began = time.perf_counter()
    finetuning_loop.train(model, problem, range(len(problem)), 0, settings, feature_norm=1.0)
    _wait(device)
    return time.perf_counter() - began, problem, model.config


def stock(base: str | None, rows: list[dict[str, Any]], device: str) -> float:
    """Seconds of the same epoch as transformers.Trainer runs it by itself."""
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

    problem, model = _loaded(base, rows, device)
    tokenizer = encoders.load(base, problem.kind.config(problem.question))[1]
    labels = {label: number for number, label in problem.id2label.items()}
    data = [
        {"input_ids": encoding.input_ids, "labels": labels[str(answer)]}
        for encoding, answer in zip(problem.encodings, problem.answers, strict=True)
    ]
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch, num_train_epochs=1, save_strategy="no", report_to="none", disable_tqdm=True,
            use_cpu=device == "cpu", logging_strategy="no",
        )  # fmt: skip
        trainer = Trainer(
            model=model, args=arguments, train_dataset=data, data_collator=DataCollatorWithPadding(tokenizer)
        )
        began = time.perf_counter()
        trainer.train()
        _wait(device)
        return time.perf_counter() - began


def _loaded(base: str | None, rows: list[dict[str, Any]], device: str) -> tuple[Problem, Any]:
    fields = problem_of(rows[:200], encoders.load(base, {"num_labels": 2})[1])
    model, tokenizer = encoders.load(base, fields.kind.config(fields.question))
    problem = problem_of(rows, tokenizer)
    assert pad_token(tokenizer) == 0
    return problem, model.to(device)


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def main() -> int:
    """Run, print the table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=None, help="the folder of the public sets; LABELWHEEL_DATA if not given")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="the smallest encoder and few rows; only to see it work")
    arguments = parser.parse_args()
    rows = jsonl(data_folder(arguments.data, "snips") / "train.jsonl")[: 64 if arguments.quick else 1000]
    device = arguments.device
    top = peak(device) if device != "cpu" else None
    console, found = Console(highlight=False), dict[str, Any]()
    table = Table(title="an epoch of fine-tuning: medians of two, after one to warm up")
    for name in ("encoder", "batch", "ours, examples/s", "stock, examples/s", "times stock", "tokens/s", "of the peak"):
        table.add_column(name, justify="left" if name == "encoder" else "right")
    with tempfile.TemporaryDirectory(prefix="labelwheel-bench-") as scratch:
        for place, (name, size) in enumerate(list(SIZES.items())[: 1 if arguments.quick else None]):
            base = made(size, Path(scratch) / str(place))
            slow = [stock(base, rows, device) for _ in range(1 if arguments.quick else 3)][-2:]
            for batch in (16,) if arguments.quick else (8, 64):
                runs = [ours(base, rows, device, batch) for _ in range(2 if arguments.quick else 3)][1:]
                seconds, (_, problem, config) = [run[0] for run in runs], runs[0]
                lengths = [len(each.input_ids) for each in problem.encodings]
                rate, their = len(rows) / Figure.of(seconds).median, len(rows) / Figure.of(slow).median
                used = BACKWARD * operations(config, lengths) / Figure.of(seconds).median
                found[f"{name}, batches of {batch}"] = {
                    "examples_per_second": rate, "stock_examples_per_second": their, "times_stock": rate / their,
                    "tokens_per_second": sum(lengths) / Figure.of(seconds).median,
                    "share_of_peak": used / top if top else None, "seconds": seconds, "stock_seconds": slow,
                }  # fmt: skip
                print(name, batch, *seconds, *slow, flush=True)
                told = found[f"{name}, batches of {batch}"]
                share = f"{told['share_of_peak']:.3f}" if top else "–"
                table.add_row(
                    name, str(batch), f"{rate:,.0f}", f"{their:,.0f}", f"{rate / their:.1f}",
                    f"{told['tokens_per_second']:,.0f}", share,
                )  # fmt: skip
    console.print(table)
    card = torch.cuda.get_device_name(device) if device != "cpu" else None
    record = {"machine": machine() | {"card": card}, "peak_flops": top, "rows": len(rows), "found": found}
    if not arguments.quick:
        console.print(f"kept in {save('gpu-training', record)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
