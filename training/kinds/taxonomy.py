"""Taxonomy: any number of paths through a tree of options."""

from __future__ import annotations

from typing import Any

from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.kinds import checks
from labelwheel.training.kinds.choices import Several
from labelwheel.training.questions import PATH_SEPARATOR, Answer, Example, Option, Question, brief


class Taxonomy(Several):
    """Each option is a path, written in one line by checkpoints and reports, and as a list of its steps in answers."""

    name = "taxonomy"

    def item(self, value: str) -> Answer:
        return value.split(PATH_SEPARATOR)

    def check(self, question: Question, answer: Answer, example: Example) -> Answer:
        paths = checks.listed(question, answer)
        if not all(isinstance(path, list) and all(isinstance(step, str) for step in path) for path in paths):
            raise InvalidAnswer(f"{question.name!r} is answered with a list of paths, not {brief(answer)}")
        chosen = {checks.known(question, PATH_SEPARATOR.join(path)) for path in paths}
        return [self.item(value) for value in sorted(chosen, key=question.places.__getitem__)]

    def labels(self, question: Question, answer: Answer) -> list[str]:
        return [PATH_SEPARATOR.join(path) for path in answer]

    def steps(self, option: Option) -> list[str]:
        return option.path

    def feature(self, question: Question) -> Any:
        import datasets

        return datasets.List(datasets.List(datasets.Value("string")))
