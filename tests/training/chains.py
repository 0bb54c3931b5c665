"""A checkpoint whose spans come from a chain, and the texts that it learnt from and is asked about."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from labelwheel.training import job
from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import JobSpec, LabelledExample, Part
from tests.training.models import tiny_bert

PLACES = Question(name="places", kind=Kind.SPANS, inputs=("text",), options=(Option(value="city"), Option(value="sum")))
CITIES = ("Oslo", "Rome", "New York", "Lima", "Cairo", "Quito", "Bern", "San Marino", "Riga", "Perth")
UNSEEN = ("Turin", "Dakar", "Sofia", "Los Altos", "Hanoi", "Minsk", "Accra", "Kyoto")
FORMS = (
    "yesterday we met in {city} and it cost £{sum},50",
    "they moved to {city}, everybody says",
    "nobody paid £{sum} for that",
    "it rained and nothing else happened to {sum} people",
)


def labelled(count: int, part: Part = Part.TRAIN, cities: tuple[str, ...] = CITIES) -> list[LabelledExample]:
    """Texts with the cities and sums in them marked, each in a group of its own."""
    found = []
    for number in range(count):
        city, amount = cities[number % len(cities)], str(100 + 7 * number)
        text = FORMS[number % len(FORMS)].format(city=city, sum=amount)
        spans = [(text.find(city), len(city), "city")] if city in text else []
        if (at := text.find("£")) >= 0:
            spans.append((at, len(text) - at if text.endswith(",50") else 1 + len(amount), "sum"))
        answer = [{"start": start, "end": start + size, "label": label} for start, size, label in sorted(spans)]
        key = f"{part}-{number}"
        example = Example(key=key, fields={"text": text})
        found.append(LabelledExample(example=example, answer=answer, part=part, group=key))
    return found


def without_a_rule(count: int) -> list[LabelledExample]:
    """The same texts, in each of which some word is marked by chance."""
    chance, rows = np.random.default_rng(3), list[LabelledExample]()
    for row in labelled(count):
        words = row.example.fields["text"].split(" ")
        at = int(chance.integers(len(words)))
        start = len(" ".join(words[:at])) + (at > 0)
        span = {"start": start, "end": start + len(words[at]), "label": str(chance.choice(["city", "sum"]))}
        rows.append(row.model_copy(update={"answer": [span]}))
    return rows


def made(folder: Path, rows: list[LabelledExample], **fields: Any) -> Path:
    """What a job on a small base model makes of labels."""
    (folder / "data.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in rows), "utf-8")
    if not (base := folder.parent / "base").exists():
        tiny_bert(base)
    settings: dict[str, Any] = {
        "version": "c1", "question": PLACES, "data": str(folder / "data.jsonl"), "device": "cpu", "threads": 1,
        "base_model": str(base), "max_length": 32, "max_minutes": 5.0, **fields,
    }  # fmt: skip
    spec = JobSpec(output=str(folder / settings["version"]), **settings)
    job.execute(spec, rows)
    return Path(spec.output)


@functools.cache
def store() -> Path:
    """A folder with the checkpoint c1, made once for all tests of a process; only read it."""
    folder = Path(tempfile.mkdtemp(prefix="labelwheel-chain-")) / "store"
    folder.mkdir()
    atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
    made(folder, [*labelled(36), *labelled(16, Part.HELD_OUT, UNSEEN)])
    return folder
