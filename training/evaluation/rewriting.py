"""Labelled examples after a change of their texts, ready to be answered anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from random import Random
from typing import Any, NamedTuple

from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.evaluation.edits import Edited, Rewritten
from labelwheel.training.evaluation.markdown import cell, table
from labelwheel.training.evaluation.perturbations import Given, Perturbation, names_in
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.questions import Answer, Example, Prediction, brief
from labelwheel.training.spec import LabelledExample

_NAMES = 500  # of a label: enough to draw from


class Change(NamedTuple):
    """A measured row, by its `place`, with another text; `before` is what was answered, moved with the text."""

    place: int
    rewritten: Rewritten
    row: LabelledExample
    before: Answer


class Rewriting:
    """Changes the measured examples of a subject, the same way whenever it is asked."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    @cached_property
    def names(self) -> Mapping[str, Sequence[str]]:
        """What else could be named in a text: what is marked in the labelled ones by label, or capitalised words."""
        question, found = self.subject.question, dict[str, dict[str, None]]()
        for row in self.subject.rows:
            text = question.text(row.example)
            for start, end, label in self.subject.kind.marked(row.answer):
                found.setdefault(label, {})[text[start:end]] = None
            for name in names_in(text):
                found.setdefault("", {})[name] = None
        return {label: list(names)[:_NAMES] for label, names in found.items()}

    def changes(self, name: str, perturbation: Perturbation, places: Sequence[int]) -> list[Change]:
        """The measured examples at some places whose text it changes; others are left out."""
        found = []
        for place in places:
            row = self.subject.measured[place]
            draw = Random(f"{self.subject.seed} {name} {row.example.key}")  # noqa: S311
            change = self.change(place, row, self.subject.predictions[place].answer, perturbation, draw)
            if change is not None:
                found.append(change)
        return found

    def change(
        self, place: int, row: LabelledExample, before: Answer, perturbation: Perturbation, draw: Random
    ) -> Change | None:
        """One example's; None where nothing changes, or the answer would not fit any more."""
        question = self.subject.question
        fields = {}
        for name in question.inputs:
            text = row.example.fields.get(name, "")
            marked = self.subject.kind.marked(row.answer)
            fields[name] = Edited.of(text, perturbation(text, Given(draw, self.names, marked)))
        rewritten = Rewritten.of(row.example, fields)
        if not rewritten.changed:
            return None
        try:
            gold, moved = (rewritten.answer(question, answer) for answer in (row.answer, before))
        except InvalidAnswer:
            return None
        return Change(place, rewritten, row.model_copy(update={"example": rewritten.example, "answer": gold}), moved)


def differs(subject: Subject, before: Answer, after: Answer, example: Example) -> bool:
    """Whether two answers to an example are not the same; None is an answer that was not given."""
    if before is None or after is None:
        return (before is None) != (after is None)
    score = subject.kind.score(subject.question, example, before, Prediction(answer=after))
    return score.loss > subject.kind.tolerance


def clipped(text: str, other: str, width: int = 80) -> str:
    """The part of a text around where it begins to differ from another one, on one line."""
    first = next((place for place, pair in enumerate(zip(text, other, strict=False)) if pair[0] != pair[1]), None)
    start = max(0, (min(len(text), len(other)) if first is None else first) - width // 2)
    part = text[start : start + width]
    return " ".join(f"{'…' if start else ''}{part}{'…' if start + width < len(text) else ''}".split())


def told(subject: Subject, change: Change, after: Answer) -> dict[str, Any]:
    """A change after which the answer is another, for people: the key, both texts in short, both answers."""
    old = subject.question.text(subject.measured[change.place].example)
    new = subject.question.text(change.row.example)
    return {
        "key": change.row.example.key, "before": clipped(old, new), "after": clipped(new, old),
        "answered": change.before, "then": after,
    }  # fmt: skip


def texts(worst: Sequence[Mapping[str, Any]]) -> str:
    """What `told` has, as a table."""
    rows = [
        (cell(one["key"]), cell(one["before"]), cell(one["after"]), _brief(one["answered"]), _brief(one["then"]))
        for one in worst
    ]
    return table(("example", "before", "after", "answer", "answer after"), rows)


def _brief(answer: Answer) -> str:
    return "–" if answer is None else cell(brief(answer))
