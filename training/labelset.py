"""The labels of a question as a dataset of the `datasets` library: what other training code reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample, Part

ANSWER, KEY, GROUP = "label", "key", "group"
"""The columns beside one for each of the question's inputs."""

_SHARD = 100_000  # examples in a file
_SPLITS = {"train": Part.TRAIN, "test": Part.HELD_OUT}


def name(rows: Iterable[LabelledExample]) -> str:
    """Names a set of labels: the same keys, texts and answers give the same name, in any order."""
    lines = sorted(
        json.dumps([row.example.key, dict(row.example.fields), row.answer], sort_keys=True, ensure_ascii=False)
        for row in rows
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def build(question: Question, rows: Iterable[LabelledExample]) -> Any:
    """A `DatasetDict` with the splits "train" and "test", which is the part that is held out for life.

    Columns: the inputs by name (`field_` goes before a name that is taken), `label` in the type of the answer, `key`
    of the example in the labelling tool, `group` of its near-duplicates.
    """
    import datasets

    names = {each: f"field_{each}" if each in (ANSWER, KEY, GROUP) else each for each in question.inputs}
    text = datasets.Value("string")
    features = datasets.Features(
        {**dict.fromkeys(names.values(), text), ANSWER: kind_of(question).feature(question), KEY: text, GROUP: text}
    )
    parts: dict[Part, dict[str, list[Any]]] = {part: {name: [] for name in features} for part in _SPLITS.values()}
    for row in rows:
        columns = parts[row.part]
        for name, column in names.items():
            columns[column].append(row.example.fields.get(name, ""))
        for column, value in ((ANSWER, row.answer), (KEY, row.example.key), (GROUP, row.group)):
            columns[column].append(value)
    return datasets.DatasetDict(
        {name: datasets.Dataset.from_dict(parts[part], features=features) for name, part in _SPLITS.items()}
    )


def write(question: Question, rows: Iterable[LabelledExample], folder: Path) -> None:
    """Writes what `datasets.load_from_disk` reads."""
    import datasets

    found = build(question, rows)
    silent = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        # left to itself it writes no file for an empty split, and then cannot read what it wrote
        found.save_to_disk(str(folder), num_shards={name: max(1, len(found[name]) // _SHARD) for name in found})
    finally:
        if not silent:
            datasets.enable_progress_bars()
