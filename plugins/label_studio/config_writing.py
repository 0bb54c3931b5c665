"""A label config that asks one question: what a model that was written for Label Studio reads it from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from xml.sax.saxutils import quoteattr

from labelwheel.plugins.errors import InvalidConfig
from labelwheel.plugins.label_studio.layout import Layout, read
from labelwheel.training.questions import Example, Question

_PLAIN = re.compile(r"[A-Za-z_]\w*")


class Asked(NamedTuple):
    """One question as Label Studio would ask it; `fields` has the names by which its config calls the inputs."""

    question: Question
    source: str
    layout: Layout
    fields: Mapping[str, str]

    @property
    def own(self) -> Question:
        """The question as it is read from the config: it reads the same texts by other names."""
        return self.layout.controls[self.question.name].question

    def example(self, key: str, example: Example) -> Example:
        """An example as the config's question reads it."""
        return Example(key=key, fields={self.fields[name]: example.fields.get(name, "") for name in self.fields})


def ask(question: Question) -> Asked:
    """Raises InvalidConfig where Label Studio cannot ask it, such as of a kind that another package brings."""
    fields = {
        name: name if _PLAIN.fullmatch(name) else f"text{place}" for place, name in enumerate(question.inputs, start=1)
    }
    if question.kind not in _TAGS or len({*fields.values()}) != len(fields):
        raise InvalidConfig(f"Label Studio has no control for {question.name!r}, a question of kind {question.kind}")
    objects = "".join(f"<Text name={quoteattr(name)} value={quoteattr(f'${name}')}/>" for name in fields.values())
    head = f"name={quoteattr(question.name)} toName={quoteattr(','.join(fields.values()))}"
    source = f"<View>{objects}{_TAGS[question.kind](head, question)}</View>"
    asked = Asked(question, source, read(source), fields)
    if question.name not in asked.layout.controls or not _covers(asked.own, question):
        raise InvalidConfig(f"Label Studio cannot ask {question.name!r} as it is asked here")
    return asked


def _covers(own: Question, question: Question) -> bool:
    """Whether whatever answers one answers the other; Label Studio also offers what stands above one in a tree."""
    span = (question.kind, question.minimum, question.maximum)
    return (own.kind, own.minimum, own.maximum) == span and {*question.values} <= {*own.values}


def _choices(how: str) -> Callable[[str, Question], str]:
    def write(head: str, question: Question) -> str:
        return f'<Choices {head} choice="{how}">{_flat("Choice", question)}</Choices>'

    return write


def _labels(head: str, question: Question) -> str:
    return f"<Labels {head}>{_flat('Label', question)}</Labels>"


def _rating(head: str, question: Question) -> str:
    return f'<Rating {head} maxRating="{int(question.maximum or 0)}"/>'


def _number(head: str, question: Question) -> str:
    bounds = (("min", question.minimum), ("max", question.maximum))
    written = " ".join(f'{name}="{value:g}"' for name, value in bounds if value is not None)
    return f"<Number {head} {written}/>"


def _taxonomy(head: str, question: Question) -> str:
    tree: dict[str, Any] = {}
    for option in question.options:
        here = tree
        for step in option.path:
            here = here.setdefault(step, {})

    def write(steps: Mapping[str, Any]) -> str:
        return "".join(f"<Choice value={quoteattr(step)}>{write(below)}</Choice>" for step, below in steps.items())

    return f"<Taxonomy {head}>{write(tree)}</Taxonomy>"


def _pairwise(head: str, question: Question) -> str:
    return f"<Pairwise {head}/>"


def _text(head: str, question: Question) -> str:
    most = "" if question.maximum is None else f' maxSubmissions="{question.maximum:g}"'
    return f"<TextArea {head}{most}/>"


def _flat(tag: str, question: Question) -> str:
    return "".join(f"<{tag} value={quoteattr(value)}/>" for value in question.values)


_TAGS: Mapping[str, Callable[[str, Question], str]] = {
    "choice": _choices("single"),
    "choices": _choices("multiple"),
    "spans": _labels,
    "rating": _rating,
    "number": _number,
    "taxonomy": _taxonomy,
    "pairwise": _pairwise,
    "text": _text,
}
"""What asks a question of a kind."""


def tasks(asked: Asked, examples: Sequence[Example]) -> list[tuple[dict[str, Any], Example]]:
    """Label Studio's tasks, numbered from 1, each with the example as the config's question reads it."""
    found = []
    for number, example in enumerate(examples, start=1):
        own = asked.example(str(number), example)
        found.append(({"id": number, "data": dict(own.fields), "annotations": [], "predictions": []}, own))
    return found
