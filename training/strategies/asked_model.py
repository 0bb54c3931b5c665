"""What strategies that ask a language model have in common: what they show it, and what that has cost."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from labelwheel.training.errors import LabelwheelError
from labelwheel.training.language import client
from labelwheel.training.language.account import Spent
from labelwheel.training.language.endpoint import LanguageModel
from labelwheel.training.language.prompt import Shown
from labelwheel.training.questions import Example
from labelwheel.training.strategies.problem import Problem


def shown(problem: Problem, indices: Sequence[int]) -> list[Shown]:
    """Some labelled texts for prompts, the inputs alone: whatever else an example has stays here."""
    found = []
    for index in indices:
        row = problem.rows[index]
        fields = {name: row.example.fields.get(name, "") for name in problem.question.inputs}
        found.append(Shown(example=Example(key=row.example.key, fields=fields), answer=row.answer))
    return found


def spent(model: LanguageModel) -> Spent:
    """By the project that pays, today. Raises TimeoutError where nobody can count: a round goes on without it."""
    try:
        return client.of(model.model_copy(update={"project": ""})).account.today(model.project)
    except (LabelwheelError, sqlite3.Error) as error:
        raise TimeoutError(str(error)) from error
