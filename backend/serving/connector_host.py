"""What the connectors' routes ask of the web process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from labelwheel.backend.ledger import hints
from labelwheel.backend.ledger.given_together import Together
from labelwheel.backend.serving import guard
from labelwheel.backend.serving.batching import Priority
from labelwheel.backend.serving.hint_writer import HintWriter
from labelwheel.backend.serving.implications import Implications
from labelwheel.backend.serving.known_reasons import KnownReasons
from labelwheel.backend.serving.models import Served, ServedModels
from labelwheel.backend.serving.predictor import Predictor
from labelwheel.plugins.connector import Suggestion
from labelwheel.training.questions import Answer, Example, Question


class ServingHost:
    """The connectors' `Host` over what is served. Models answer from memory.

    From the database, `names(tool, reference)` reads the names of past generations, the newest first, and
    `kept(tool, reference)` what the connector keeps of a project, `given_together(project, questions)` which answers
    people gave together, `blind(project, examples)` for which of them nothing is shown; `train(tool, reference)` asks
    the policy.
    """

    def __init__(
        self,
        served_models: ServedModels,
        predictor: Predictor,
        writer: HintWriter,
        names: Callable[[str, str | None], list[str]],
        wait_seconds: float = 30.0,
        kept: Callable[[str, str], Mapping[str, Any]] = lambda tool, reference: {},
        request_seconds: float = 90.0,
        train: Callable[[str, str], Mapping[str, str]] = lambda tool, reference: {},
        given_together: Callable[[int, Sequence[Question]], Together] = lambda project, questions: {},
        blind: Callable[[int, Sequence[Example]], frozenset[str]] = lambda project, examples: frozenset(),
        known: KnownReasons | None = None,
    ) -> None:
        self._served_models, self._predictor, self._hints, self._names = served_models, predictor, writer, names
        self._wait_seconds, self._kept, self._request_seconds = wait_seconds, kept, request_seconds
        self._train, self._implications, self._blind = train, Implications(given_together), blind
        self._known = known or KnownReasons()

    def version(self, tool: str, reference: str) -> str:
        return self._served_models.served(tool, reference).version

    def versions(self, tool: str, reference: str | None) -> list[str]:
        return self._names(tool, reference)

    def questions(self, tool: str, reference: str) -> Sequence[Question]:
        return self._served_models.served(tool, reference).questions

    def options(self, tool: str, reference: str) -> Mapping[str, Any]:
        return self._kept(tool, reference)

    def suggest(self, tool: str, reference: str, examples: Sequence[Example]) -> list[Suggestion]:
        # right after the start it is better to wait for the model than to lose the tool's only try
        self._served_models.ready.wait(self._wait_seconds)
        served = self._served_models.served(tool, reference)
        blind = self._blind(served.project, examples)
        shown = iter(self.suggest_with(served, [example for example in examples if example.key not in blind]))
        version, nothing = served.version, {question.name: guard.NOTHING for question in served.questions}
        return [
            Suggestion(example=example, version=version, predictions=nothing, blind=True)
            if example.key in blind else self._explained(served, next(shown))
            for example in examples
        ]  # fmt: skip

    def _explained(self, served: Served, suggestion: Suggestion) -> Suggestion:
        questions = {question.name: question for question in served.questions}
        reasons = self._known.of(served.project, questions, suggestion.example, suggestion.predictions)
        return suggestion.model_copy(update={"reasons": reasons}) if reasons else suggestion

    def blind(self, tool: str, reference: str, example: Example) -> bool:
        return bool(self._blind(self._served_models.served(tool, reference).project, [example]))

    def implied(self, tool: str, reference: str, example: Example, given: Mapping[str, Answer]) -> Suggestion:
        self._served_models.ready.wait(self._wait_seconds)
        served = self._served_models.served(tool, reference)
        implication = self._implications.of(served.project, served.questions)
        left = [each for each in served.questions if each.name not in given and implication.telling(each, given)]
        if not left:
            return Suggestion(example=example, version=served.generation, predictions={})
        [suggestion] = self.suggest_with(served, [example])
        found = {each.name: implication.answer(each, given, suggestion.predictions.get(each.name)) for each in left}
        clear = {name: prediction for name, prediction in found.items() if prediction is not None}
        return Suggestion(example=example, version=suggestion.version, predictions=clear)

    def suggest_with(
        self,
        served: Served,
        examples: Sequence[Example],
        priority: Priority | None = None,
        seconds: float | None = None,
        revised: bool = True,
    ) -> list[Suggestion]:
        """One suggestion per example, in order, all of the generation that was taken, `revised` where it is."""
        seconds = seconds or self._request_seconds
        served = self._served_models.awake(served, min(seconds, self._wait_seconds))
        answers = self._predictor.suggest(served.members if revised else served.champions, examples, priority, seconds)
        unanswered = {question.name: guard.NOTHING for question in served.questions}
        version = served.version if revised else served.generation
        return [
            Suggestion(example=example, version=version, predictions={**unanswered, **answer})
            for example, answer in zip(examples, answers, strict=True)
        ]

    def hint(self, tool: str, reference: str, keys: Collection[str] = ()) -> None:
        self._hints.add((tool, reference), hints.bounded(keys))

    def train(self, tool: str, reference: str) -> Mapping[str, str]:
        self._served_models.served(tool, reference)
        # what was labelled a moment ago counts as soon as the worker has looked
        self.hint(tool, reference)
        return self._train(tool, reference)
