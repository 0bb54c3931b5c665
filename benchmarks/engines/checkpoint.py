"""The checkpoint that is measured: the demo's topics, learnt by a short job, with the artefact that it decides on."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demo import messages
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import JobSpec, LabelledExample, Part, Recipe


def topics() -> tuple[Question, list[LabelledExample]]:
    """The topic of each of the demo's messages: the question, and all of them labelled, a fifth held out."""
    rows = messages.rows()
    options = tuple(Option(value=topic) for topic in sorted({row["topic"] for row in rows}))
    question = Question(name="topic", kind=Kind.CHOICE, inputs=("text",), options=options)
    labelled = [
        LabelledExample(
            example=Example(key=str(number), fields={"text": row["text"]}), answer=row["topic"],
            part=Part.TRAIN if number % 5 else Part.HELD_OUT, group=str(number),
        )
        for number, row in enumerate(rows)
    ]  # fmt: skip
    return question, labelled


def make(folder: Path, device: str = "cpu", base_model: str | None = None) -> Path:
    """One job as every job runs: a regression on the frozen encoder, which takes half a minute."""
    question, labelled = topics()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in labelled), "utf-8")
    spec = JobSpec(
        version="bench-1", question=question, data=str(folder / "data.jsonl"), output=str(folder / "bench-1"),
        recipe=Recipe.AUTO, device=device, base_model=base_model, max_minutes=0.5,
    )  # fmt: skip
    (folder / "spec.json").write_text(spec.model_dump_json())
    done = subprocess.run(
        [sys.executable, "-m", "labelwheel.training.job", str(folder / "spec.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"the job failed: {done.stderr[-2000:]}")
    told = checkpoint.read(folder / "bench-1").report
    print(f"{told['chosen']}; {told['artefact'].get('precision')}, for {told['artefact'].get('reason')}")
    return folder / "bench-1"


class Texts:
    """Texts of about so many tokens, never the same twice: the cache must not answer."""

    def __init__(self, tokenizer: Any, seed: int = 13) -> None:
        self._chance = random.Random(seed)
        self._words = " ".join(row["text"] for row in messages.rows()).split()
        # counted once: whoever measures must not tokenize meanwhile
        self._sizes = [len(ids) - 2 for ids in tokenizer([*self._words, "100000"])["input_ids"]]
        self._numbers = itertools.count(100_000)

    def one(self, tokens: int) -> str:
        """A text whose last word is a number that no other text has."""
        place = self._chance.randrange(len(self._words) - 2 * tokens)
        words, size = list[str](), 2 + self._sizes[-1]
        while size < tokens:
            words.append(self._words[place])
            size += self._sizes[place]
            place += 1
        return " ".join([*words, str(next(self._numbers))])

    def many(self, tokens: int, count: int) -> list[str]:
        """A few different ones with numbers of their own: making them takes no time."""
        made = [self.one(tokens).rsplit(" ", 1)[0] for _ in range(min(count, 20))]
        return [f"{made[place % len(made)]} {next(self._numbers)}" for place in range(count)]

    def stream(self, tokens: int) -> Iterator[str]:
        """Without an end."""
        made = [self.one(tokens).rsplit(" ", 1)[0] for _ in range(5)]
        for place in itertools.count():
            yield f"{made[place % len(made)]} {next(self._numbers)}"
