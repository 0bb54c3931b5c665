"""Sets of labelled texts as questions and rows: folders of `train.jsonl` and `test.jsonl`.

A row has "text", and "label", or "labels" where any number of them may be right.
"""

from __future__ import annotations

from typing import Any

from benchmarks.common import data_folder, jsonl
from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import LabelledExample, Part


def read(given: str | None, name: str, part: str) -> list[dict[str, Any]]:
    """The rows of one part of one set; ends the process with a plain line where there is none."""
    return jsonl(data_folder(given, name) / f"{part}.jsonl")


def question(rows: list[dict[str, Any]]) -> Question:
    """A choice among the labels that the rows have, or of any number of them."""
    several = "labels" in rows[0]
    labels = sorted({str(label) for row in rows for label in (row["labels"] if several else [row["label"]])})
    kind = Kind.CHOICES if several else Kind.CHOICE
    return Question(name="label", kind=kind, inputs=("text",), options=tuple(Option(value=x) for x in labels))


def labelled(rows: list[dict[str, Any]], part: Part) -> list[LabelledExample]:
    """Rows for a job; equal texts are one group."""
    return [
        LabelledExample(
            example=Example(key=f"{part}-{number}", fields={"text": row["text"]}),
            answer=sorted(map(str, row["labels"])) if "labels" in row else str(row["label"]),
            part=part,
            group=" ".join(row["text"].lower().split()),
        )
        for number, row in enumerate(rows)
    ]


def apart(given: str | None, name: str) -> tuple[Question, list[LabelledExample], list[LabelledExample]]:
    """A set's question, what may be labelled, and its test part, of which no text is in the other."""
    train, test = (read(given, name, part) for part in ("train", "test"))
    held_out = labelled(test, Part.HELD_OUT)
    known = {row.group for row in held_out}
    return question(train + test), [row for row in labelled(train, Part.TRAIN) if row.group not in known], held_out
