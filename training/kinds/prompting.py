"""How a language model is asked a question of a kind: the shape of its answer, and what that makes an answer of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.kinds import quotes
from labelwheel.training.kinds.asking import Asking, Widget
from labelwheel.training.kinds.free_text import is_several
from labelwheel.training.questions import Answer, Example, Question, brief

_MOST_ITEMS = 100


class Prompting(Asking):
    """The part of a kind that a prompt asks. What people click and what a model may say have one shape: the widget."""

    if TYPE_CHECKING:  # as the kind has them

        def check(self, question: Question, answer: Answer, example: Example) -> Answer: ...
        def labels(self, question: Question, answer: Answer) -> list[str]: ...
        def marked(self, answer: Answer) -> list[tuple[int, int, str]]: ...

    def answer_schema(self, question: Question) -> dict[str, Any] | None:
        """The JSON schema of what a model says; None where the kind cannot be asked so."""
        options = {"type": "string", "enum": list(question.values)}
        match self.widget:
            case Widget.ONE:
                return options
            case Widget.SEVERAL:
                return {"type": "array", "items": options}
            case Widget.NUMBER:
                ends = {"minimum": question.minimum, "maximum": question.maximum}
                return {"type": "number"} | {name: end for name, end in ends.items() if end is not None}
            case Widget.MARKS:
                marks = {"quote": {"type": "string"}, "label": options}
                return {"type": "array", "items": _object(marks)}
            case Widget.WORDS:
                words = {"type": "string"}
                return {"type": "array", "items": words} if is_several(question) else words
        return None

    def answer_manner(self, question: Question) -> str:
        """What a model is told about the shape, in a sentence."""
        match self.widget:
            case Widget.SEVERAL:
                return "Answer with a list of all of these that apply; it may be empty."
            case Widget.NUMBER:
                return "Answer with a number."
            case Widget.MARKS:
                return (
                    "Answer with a list of the passages to mark, in the order of the text: each with its label and "
                    "with a quote that is letter by letter as in the text; twice where it is to be marked twice."
                )
            case Widget.WORDS:
                several = f"a list of 1 to {question.maximum:g} texts" if question.maximum else "a list of texts"
                return f"Answer with {several if is_several(question) else 'a text'}, worded as people word theirs."
        return "Answer with exactly one of these."

    def answer_said(self, question: Question, answer: Answer, example: Example) -> Any:
        """A person's answer as a model would have to say it."""
        match self.widget:
            case Widget.SEVERAL:
                return self.labels(question, answer)
            case Widget.NUMBER:
                return answer
            case Widget.MARKS:
                return quotes.quoted(question.text(example), self.marked(answer))
            case Widget.WORDS:
                return answer
        return str(answer)

    def answer_heard(self, question: Question, said: Any, example: Example) -> Answer:
        """What a model said as an answer. Raises InvalidAnswer, in words that the model is told."""
        match self.widget:
            case Widget.ONE:
                return self.check(question, self._chosen(question, said), example)
            case Widget.SEVERAL:
                return self.check(question, [self._chosen(question, each) for each in _listed(said)], example)
            case Widget.MARKS:
                marks = [_mark(each) for each in _listed(said)]
                for _, label in marks:
                    self._chosen(question, label)
                found = quotes.located(question.text(example), marks)
                if marks and not found:
                    raise InvalidAnswer("none of the quotes stands in the text, letter by letter")
                spans = [{"start": start, "end": end, "label": label} for start, end, label in found]
                return self.check(question, spans, example)
        return self.check(question, said, example)

    def answer_redacted(self, question: Question, said: Any, text: str, sent: str, redact: Callable[[str], str]) -> Any:
        """A person's answer as it may be shown beside a text that is sent as another; raises InvalidAnswer where it
        cannot be, and whatever `redact` does."""
        if self.widget is Widget.WORDS:
            return [redact(each) for each in said] if isinstance(said, list) else redact(said)
        if self.found_again(said, text, sent) != said:
            raise InvalidAnswer("what is marked is not in the text as it is sent")
        return said

    def found_again(self, said: Any, text: str, sent: str) -> Any:
        """What was said of a text as it was sent, as far as it can be found in the text itself; what else is wrong with
        it is not looked at. Raises InvalidAnswer where nothing can, in words that the model is told."""
        if self.widget is not Widget.MARKS or not isinstance(said, list) or text == sent:
            return said
        kept = [each for each in said if not _is_quote(each) or quotes.as_often(each["quote"], text, sent)]
        if said and not kept:
            raise InvalidAnswer("none of the quotes stands in the text, letter by letter")
        return kept

    def _chosen(self, question: Question, said: Any) -> Answer:
        if not isinstance(said, str) or said not in question.places:
            raise InvalidAnswer(f"{brief(said)} is not among what may be answered")
        return self.item(said)


def _listed(said: Any) -> list[Any]:
    if not isinstance(said, list) or len(said) > _MOST_ITEMS:
        raise InvalidAnswer(f"a list of up to {_MOST_ITEMS} was asked for, not {brief(said)}")
    return said


def _mark(said: Any) -> tuple[str, str]:
    if not isinstance(said, dict) or set(said) != {"quote", "label"} or not isinstance(said["quote"], str):
        raise InvalidAnswer(f"a quote and a label were asked for, not {brief(said)}")
    return said["quote"], said["label"]


def _is_quote(said: Any) -> bool:
    return isinstance(said, dict) and isinstance(said.get("quote"), str)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
