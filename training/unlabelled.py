"""A project's texts that nobody has labelled, for strategies that learn from texts as such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labelwheel.training.errors import InvalidJob
from labelwheel.training.evaluation.leakage import Neighbours
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Question
from labelwheel.training.spec import LabelledExample


def read(place: str | None) -> list[Example]:
    """The examples of a job's JSON lines file, none where it has no such file; raises InvalidJob."""
    if place is None:
        return []
    path, found, number = Path(place), dict[str, Example](), 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                example = Example.model_validate_json(line)
                if example.key in found:
                    raise InvalidJob(f"{path}, line {number}: {example.key!r} stands there already")
                found[example.key] = example
    except OSError as error:
        raise InvalidJob(f"the unlabelled texts {path} cannot be read: {error}") from error
    except ValidationError as error:
        one = error.errors()[0]
        place = ".".join(map(str, one["loc"])) or "the example"
        raise InvalidJob(f"{path}, line {number}: {place}: {one['msg']}") from error
    return list(found.values())


@dataclass(frozen=True)
class UnlabelledTexts:
    """What was handed over, as it may be learnt from; nothing is looked at until somebody asks.

    `labelled` are all labelled examples of the job, on whichever side.
    """

    question: Question
    given: Sequence[Example]
    labelled: Sequence[LabelledExample]
    tokenizer: Any
    max_length: int

    @cached_property
    def examples(self) -> list[Example]:
        """Those that have a text, and one that no labelled example has or nearly has in what the question reads.

        The split reads all fields of an example: it cannot know that two differ only in one that is not asked about.
        """
        if not self.given:
            return []
        known = {row.example.key for row in self.labelled}
        beside = Neighbours(self.question.text(row.example) for row in self.labelled)
        new = [one for one in self.given if one.key not in known and not beside.have(self.question.text(one))]
        kind, sides = kind_of(self.question), dict[int, set[int]]()
        for encoding in kind.encode(self.question, new, self.tokenizer, self.max_length):
            sides.setdefault(encoding.example, set()).add(encoding.side)
        return [one for place, one in enumerate(new) if len(sides.get(place, ())) == kind.sides]

    @cached_property
    def encodings(self) -> list[Encoding]:
        """Of `examples`, in their order, as a problem's."""
        return kind_of(self.question).encode(self.question, self.examples, self.tokenizer, self.max_length)

    def __len__(self) -> int:
        return len(self.examples)
