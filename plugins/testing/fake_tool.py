"""A labelling tool in memory: the smallest connector there can be. A good place to start a connector of one's own.

`Tool` is the tool, with what people do in it; `FakeConnector` is how labelwheel sees it. A change is noted in `log`,
whose length is the cursor of `poll`; a `sweep` walks over all examples, whose index is its cursor.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from flask import Blueprint

from labelwheel.plugins.capabilities import Candidate, Given
from labelwheel.plugins.columns import columns
from labelwheel.plugins.connector import (
    Argument,
    Aside,
    Config,
    Connection,
    Host,
    Page,
    Service,
    Suggestion,
    Unlearnt,
    Work,
)
from labelwheel.plugins.errors import ToolUnreachable
from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.questions import Answer, Example, Kind, Option, Question

TOPIC = Question(
    name="topic", kind=Kind.CHOICE, inputs=("text",), options=(Option(value="sport"), Option(value="politics"))
)
PLACES = Question(name="places", kind=Kind.SPANS, inputs=("text",), options=(Option(value="city"),))
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Tool:
    """What the tool has: examples, people's work, suggestions; and what happens when it is called."""

    questions: tuple[Question, ...] = (TOPIC, PLACES)
    unlearnt: tuple[Unlearnt, ...] = ()
    examples: dict[str, Example] = field(default_factory=dict)
    work: dict[str, Work] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)  # keys of examples that something happened to
    shown: dict[str, Suggestion] = field(default_factory=dict)
    ranked: list[str] = field(default_factory=list)  # keys of the examples that people see first
    doubted: list[str] = field(default_factory=list)  # keys of the examples whose label is to be looked at again
    added: list[str] = field(default_factory=list)  # names of what was answered elsewhere
    announced: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    service: Service | None = None
    calls: list[str] = field(default_factory=list)
    broken: Exception | None = None  # raised by every call
    failing: dict[str, Exception] = field(default_factory=dict)  # raised by calls of that name
    page_size: int = 3
    at_once: int = 1  # suggestions that are best pushed together
    field_name: str = "text"  # of the examples' text
    unshown: set[str] = field(default_factory=set)  # keys of examples that the tool fails to show
    unnamed: set[str] = field(default_factory=set)  # and of those of which it does not even tell the key
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    seconds: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, *texts: str) -> list[str]:
        """Someone imports examples; returns their keys."""
        keys = []
        for text in texts:
            example = Example(key=str(next(self.numbers)), fields={self.field_name: text})
            self.examples[example.key] = example
            self.log.append(example.key)
            keys.append(example.key)
        return keys

    def edit(self, key: str, text: str) -> None:
        self.examples[key] = self.examples[key].model_copy(update={"fields": {self.field_name: text}})
        self.log.append(key)

    def describe(self, key: str, values: Mapping[str, object]) -> None:
        """Someone gives an example values beside its text."""
        self.examples[key] = self.examples[key].model_copy(update={"columns": columns(values)})
        self.log.append(key)

    def remove(self, key: str) -> None:
        """Someone deletes an example: only a sweep can see it."""
        del self.examples[key]
        for work in [work for work in self.work.values() if work.example == key]:
            del self.work[work.key]

    def submit(
        self, example: str, answers: Mapping[str, Answer], annotator: str = "ann", key: str | None = None, **more: Any
    ) -> Work:
        """Someone submits, or changes what they submitted."""
        key = key or f"{example}/{annotator}"
        moment = START + timedelta(seconds=next(self.seconds))
        more.setdefault("origins", dict.fromkeys(answers, "made"))
        work = Work(key=key, example=example, annotator=annotator, updated_at=moment, answers=answers, **more)
        self.work[key] = work
        self.log.append(example)
        return work

    def delete(self, key: str) -> None:
        """Someone deletes work: only a sweep, or other work on that example, shows it."""
        del self.work[key]

    def page(self, keys: Iterable[str], cursor: str = "") -> Page:
        """All there is about some examples, as of now."""
        known = [key for key in dict.fromkeys(keys) if key in self.examples]
        failed = [key for key in known if key in self.unshown | self.unnamed]
        aside = tuple(
            Aside(key=f"#{place}", reason="500", named=False) if key in self.unnamed else Aside(key=key, reason="500")
            for place, key in enumerate(failed)
        )
        known = [key for key in known if key not in failed]
        work = tuple(work for work in self.work.values() if work.example in known)
        examples = tuple(self.examples[key] for key in known)
        return Page(examples=examples, work=work, refreshed=tuple(known), aside=aside, cursor=cursor)

    def called(self, name: str) -> None:
        self.calls.append(name)
        if self.broken is not None:
            raise self.broken
        if name in self.failing:
            raise self.failing[name]


class FakeConnector:
    """How labelwheel sees a `Tool`; found by its URL."""

    tool: ClassVar[str] = "fake"
    arguments: ClassVar[tuple[Argument, ...]] = (Argument(name="project", short="p", help="the project"),)
    tools: ClassVar[dict[str, Tool]] = {}

    def __init__(self, connection: Connection) -> None:
        self._url = connection.url
        self._project = connection.project

    @property
    def _tool(self) -> Tool:
        if self._url not in self.tools:
            raise ToolUnreachable(f"{self._url} does not answer")
        return self.tools[self._url]

    @classmethod
    def place(cls, arguments: Mapping[str, str]) -> str:
        return arguments["project"]

    def link(self, key: str, fields: Mapping[str, str], labelled: bool) -> str | None:
        return f"{self._url}/{self._project}/{quote(key)}"

    def config(self) -> Config:
        self._tool.called("config")
        return Config(
            reference=f"{self._url}#{self._project}",
            title="A project",
            source=repr(self._tool.questions),
            questions=self._tool.questions,
            unlearnt=self._tool.unlearnt,
        )

    def wire(self, service: Service, version: str) -> Mapping[str, Any]:
        self._tool.called("wire")
        self._tool.service = service
        self._tool.announced.append(version)
        return {"backend": 1}

    def unwire(self) -> None:
        self._tool.called("unwire")
        self._tool.service, self._tool.doubted = None, []

    def announce(self, version: str) -> None:
        self._tool.called("announce")
        self._tool.announced.append(version)

    def poll(self, cursor: str | None) -> Iterator[Page]:
        self._tool.called("poll")
        place = int(cursor or 0)
        while place < len(self._tool.log):
            keys = self._tool.log[place : place + self._tool.page_size]
            place += len(keys)
            yield self._tool.page(keys, str(place))

    def sweep(self, cursor: str | None) -> Iterator[Page]:
        self._tool.called("sweep")
        place = int(cursor or 0)
        while True:
            keys = sorted((key for key in self._tool.examples if int(key) > place), key=int)[: self._tool.page_size]
            if not keys:
                return
            place = int(keys[-1])
            yield self._tool.page(keys, str(place))

    def fetch(self, keys: Sequence[str]) -> Page:
        self._tool.called("fetch")
        gone = tuple(key for key in keys if key not in self._tool.examples)
        return self._tool.page(keys).model_copy(update={"gone": gone})

    def waiting(self, version: str, cursor: str | None) -> Iterator[Page]:
        self._tool.called("waiting")
        place = int(cursor or 0)
        labelled = {work.example for work in self._tool.work.values()}
        while True:
            keys = sorted((key for key in self._tool.examples if int(key) > place), key=int)[: self._tool.page_size]
            if not keys:
                return
            place = int(keys[-1])
            fresh = [key for key in keys if key not in labelled and not self._shows(key, version)]
            yield Page(examples=tuple(self._tool.examples[key] for key in fresh), cursor=str(place))

    def at_once(self) -> int:
        return self._tool.at_once

    def upcoming(self, count: int) -> Sequence[Example]:
        self._tool.called("upcoming")
        labelled = {work.example for work in self._tool.work.values()}
        order = [*self._tool.ranked, *(key for key in self._tool.examples if key not in self._tool.ranked)]
        left = [key for key in order if key in self._tool.examples and key not in labelled]
        return [self._tool.examples[key] for key in left[:count]]

    def candidates(self) -> Iterator[Candidate]:
        labelled = {work.example for work in self._tool.work.values()}
        for key, suggestion in self._tool.shown.items():
            scores = [one.score for one in suggestion.predictions.values() if one.answer is not None]
            if key in self._tool.examples and key not in labelled and scores:
                text = " ".join(self._tool.examples[key].fields.values())
                answers = tuple(f"{name} {one.answer}" for name, one in sorted(suggestion.predictions.items()))
                yield Candidate(key=key, text=text, score=min(scores), answers=answers)

    def rank(self, keys: Sequence[str]) -> None:
        self._tool.called("rank")
        self._tool.ranked = list(keys)

    def add(self, given: Given) -> None:
        self._tool.called("add")
        if given.name not in self._tool.added:
            (key,) = self._tool.add(given.fields[self._tool.field_name])
            self._tool.submit(key, given.answers)
            self._tool.added.append(given.name)

    def doubt(self, keys: Sequence[str]) -> None:
        self._tool.called("doubt")
        self._tool.doubted = [key for key in keys if key in self._tool.examples]

    def push(self, suggestions: Sequence[Suggestion], questions: Sequence[Question]) -> int:
        self._tool.called("push")
        shown = (item for item in suggestions if item.example.key in self._tool.examples and not item.blind)
        there = [_fitting(item, questions) for item in shown]
        self._tool.shown.update({item.example.key: item for item in there})
        for blind in [item.example.key for item in suggestions if item.blind]:
            self._tool.shown.pop(blind, None)
        return len(there)

    def explain(self, suggestion: Suggestion) -> None:
        self._tool.called("explain")
        shown = self._tool.shown.get(suggestion.example.key)
        if shown is not None and shown.version == suggestion.version:
            told = shown.model_copy(update={"reasons": suggestion.reasons})
            self._tool.shown[suggestion.example.key] = told

    def shows(self, suggestion: Suggestion) -> Mapping[str, Answer]:
        return {name: one.answer for name, one in suggestion.predictions.items() if one.answer not in (None, [])}

    def retire(self, versions: Iterable[str]) -> None:
        self._tool.called("retire")
        self._tool.retired.extend(versions)

    @classmethod
    def routes(cls, host: Host) -> Blueprint:
        return Blueprint("fake", __name__)

    def _shows(self, key: str, version: str) -> bool:
        return key in self._tool.shown and self._tool.shown[key].version == version


def _fitting(suggestion: Suggestion, questions: Sequence[Question]) -> Suggestion:
    """A suggestion without the answers that nobody could give."""
    fitting = {}
    for question in questions:
        try:
            prediction = suggestion.predictions[question.name]
            if prediction.answer is not None:
                question.check(prediction.answer, suggestion.example)
            fitting[question.name] = prediction
        except (KeyError, InvalidAnswer):
            continue
    return suggestion.model_copy(update={"predictions": fitting})


class PlainConnector(FakeConnector):
    """The same without any capability."""

    fetch = candidates = rank = upcoming = explain = doubt = add = at_once = None  # type: ignore[assignment]
