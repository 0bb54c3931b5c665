"""What a training learns from, as numbers: texts that are tokens by now, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.kinds.objectives import Objective
from labelwheel.training.questions import Question
from labelwheel.training.ranks.group import Order
from labelwheel.training.strategies.class_batches import Classes
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.soft_targets import SoftTargets


@dataclass(frozen=True)
class Sent(Problem):
    """As much of a problem as a training asks for: no text, and no row."""

    given: Objective | None = None

    @cached_property
    def objective(self) -> Objective:
        """What is minimised."""
        return self.given or self.kind.objective()

    @cached_property
    def places(self) -> list[list[int]]:
        """For each example the numbers of its encodings."""
        found: list[list[int]] = [[] for _ in range(1 + max(each.example for each in self.encodings))]
        for place, encoding in enumerate(self.encodings):
            found[encoding.example].append(place)
        return found


def of_problem(problem: Problem, indices: Sequence[int]) -> Order:
    """Some examples of a problem, which are numbered anew."""
    places = problem.encoded(indices)
    number = {index: place for place, index in enumerate(indices)}
    targets = [np.asarray(problem.targets[place]) for place in places]
    arrays = {
        "example": np.array([number[problem.encodings[place].example] for place in places], dtype=np.int64),
        "side": np.array([problem.encodings[place].side for place in places], dtype=np.int64),
        "target": np.concatenate([each.ravel() for each in targets]),
        "sizes": np.array([each.size for each in targets], dtype=np.int64),
        **_ragged("tokens", [problem.encodings[place].input_ids for place in places]),
    }
    head: dict[str, Any] = {
        "question": problem.question.model_dump(mode="json"),
        "labels": len(problem.id2label),
        "single": bool(targets[0].ndim == 0),
        "soft": None,
    }
    if isinstance(problem.objective, SoftTargets):
        head["soft"] = problem.objective.settings()
    return head, arrays


def to_problem(order: Order) -> Problem:
    """What `of_problem` made; all of its examples, from 0 on."""
    head, arrays = order
    question = Question.model_validate(head["question"])
    kind = kind_of(question)
    tokens = _rows("tokens", arrays)
    encodings = [
        Encoding(int(example), ids, int(side))
        for example, ids, side in zip(arrays["example"], tokens, arrays["side"], strict=True)
    ]
    targets: list[Any] = np.split(arrays["target"], np.cumsum(arrays["sizes"])[:-1])
    if head["single"]:
        targets = [each[0] for each in targets]
    given = None if head["soft"] is None else SoftTargets.of(kind.objective(), **head["soft"])
    return Sent(question, kind, (), encodings, targets, dict.fromkeys(range(head["labels"]), ""), given=given)


def of_classes(classes: Classes) -> Order:
    """Texts by class, and what classes are called."""
    texts = [(number, list(text)) for number, those in classes.texts.items() for text in those]
    names = [(number, list(name)) for number, name in classes.names.items()]
    return {}, {
        "text": np.array([number for number, _ in texts], dtype=np.int64),
        "name": np.array([number for number, _ in names], dtype=np.int64),
        **_ragged("texts", [text for _, text in texts]),
        **_ragged("names", [name for _, name in names]),
    }


def to_classes(order: Order) -> Classes:
    """What `of_classes` made."""
    _, arrays = order
    texts: dict[int, list[list[int]]] = {}
    for number, text in zip(arrays["text"], _rows("texts", arrays), strict=True):
        texts.setdefault(int(number), []).append(text)
    names = zip(map(int, arrays["name"]), _rows("names", arrays), strict=True)
    return Classes(texts, dict(names))


def _ragged(name: str, rows: Sequence[Sequence[int]]) -> dict[str, np.ndarray]:
    whole = np.concatenate([np.asarray(row, dtype=np.int64) for row in rows]) if rows else np.empty(0, dtype=np.int64)
    return {name: whole, f"{name}_lengths": np.array([len(row) for row in rows], dtype=np.int64)}


def _rows(name: str, arrays: Mapping[str, np.ndarray]) -> list[list[int]]:
    cuts = np.cumsum(arrays[f"{name}_lengths"])
    return [row.tolist() for row in np.split(arrays[name], cuts[:-1])] if len(cuts) else []
