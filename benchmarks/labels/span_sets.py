"""Sets of texts with labelled spans: what is drawn to learn from, and how jobs learn it."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import spans
from labelwheel.training.model import Model
from labelwheel.training.questions import Answer, Example, Prediction, Question

SETS = ("btc", "wnut17", "ncbi_disease", "snips")
TESTS = 700


class Draw(NamedTuple):
    """What one seed draws of a set: the same for every method."""

    question: Question
    examples: list[Example]
    answers: list[Answer]
    tests: list[Example]
    golds: list[Answer]
    rows: list[dict[str, Any]]


def draw(data: str | None, name: str, count: int, seed: int) -> Draw:
    """`count` texts to learn from and up to `TESTS` to be measured on."""
    question, rows, tests = spans.drawn(data, name, count, seed, TESTS)
    return Draw(question, *examples_of(question, rows, "train"), *examples_of(question, tests, "test"), rows)


def first_round(drawn: Draw, minutes: float) -> tuple[list[Prediction], float]:
    """What a question's first job answers, and the CPU seconds that it took; four fifths of the texts train."""
    with tempfile.TemporaryDirectory(prefix="labelwheel-spans-") as scratch:
        before = _children()
        spans.train(drawn.question, drawn.rows, Path(scratch), 1, minutes)
        return _answers(drawn, Path(scratch)), _children() - before


def fine_tuned(drawn: Draw, minutes: float) -> tuple[list[Prediction], float]:
    """The same of a job that knows no chain, as all jobs were once, so that fine-tuning is in the race."""
    with tempfile.TemporaryDirectory(prefix="labelwheel-spans-") as scratch:
        spec = Path(scratch) / "spec.json"
        job = spans.described(drawn.question, drawn.rows, Path(scratch), 1, minutes)
        spec.write_text(job.model_dump_json(), "utf-8")
        before = _children()
        subprocess.run([sys.executable, "-c", _WITHOUT_CHAIN, str(spec)], check=True, capture_output=True)
        return _answers(drawn, Path(scratch)), _children() - before


_WITHOUT_CHAIN = """
import sys
from labelwheel.training import job
from labelwheel.training.strategies import chain, registry
registry.unregister(chain.Chain)
sys.exit(job.main(sys.argv[1:]))
"""


def _answers(drawn: Draw, scratch: Path) -> list[Prediction]:
    model = Model.load(scratch / "checkpoint", threads=1)
    return model.predict(drawn.question, drawn.tests)


def _children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def examples_of(question: Question, rows: list[dict[str, Any]], part: str) -> tuple[list[Example], list[Answer]]:
    """Rows of a file as examples, keyed by their part and number, and what people marked."""
    examples = [Example(key=f"{part}-{number}", fields={"text": row["text"]}) for number, row in enumerate(rows)]
    answers = [question.check(row["spans"], example) for row, example in zip(rows, examples, strict=True)]
    return examples, answers
