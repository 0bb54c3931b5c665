"""The Label Studio connector: one connected project, and the routes that Label Studio calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from flask import Blueprint

from labelwheel.plugins.capabilities import Candidate, Given
from labelwheel.plugins.connector import Argument, Config, Connection, Host, Page, Service, Suggestion
from labelwheel.plugins.label_studio import (
    adding,
    doubts,
    least_sure,
    polling,
    protocol,
    pushing,
    ranks,
    retirement,
    wiring,
)
from labelwheel.plugins.label_studio.client import Client
from labelwheel.plugins.label_studio.project import Project
from labelwheel.training.questions import Answer, Question


class LabelStudio:
    """One project of one Label Studio; see labelwheel.plugins.connector.Connector."""

    tool: ClassVar[str] = protocol.TOOL
    arguments: ClassVar[tuple[Argument, ...]] = (
        Argument(name="project", short="p", help="the project's number, as in its address, or its title"),
    )

    bridge: ClassVar[str] = "labelwheel.plugins.label_studio.ml_bridge"

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._options: Mapping[str, Any] = connection.options
        self._shown: set[str] | None = None
        known = self._options.get("project")
        client = Client(connection.url, connection.api_key)
        self._project = Project(client, connection.project, known if type(known) is int else None)

    @classmethod
    def place(cls, arguments: Mapping[str, str]) -> str:
        """The project's number, or its title."""
        return arguments["project"]

    def config(self) -> Config:
        """Read what the project asks, and check that the credentials work."""
        return self._project.config()

    def wire(self, service: Service, version: str) -> Mapping[str, Any]:
        """Add ourselves as the project's ML backend, with a webhook, and tabs of what is left; returns what to keep."""
        wired = wiring.wire(self._project, self._options, service, version)
        tab = ranks.add(self._project, _number(self._options.get("tab")))
        least_sure.add(self._project)
        self._options = {**wired, "project": self._project.id, "tab": tab}  # a title may change
        return self._options

    def unwire(self) -> None:
        """Remove ML backend, webhook and our tabs; labels and suggestions stay."""
        wiring.unwire(self._project, self._options)
        ranks.remove(self._project, _number(self._options.get("tab")))
        least_sure.remove(self._project)
        doubts.remove(self._project)

    def announce(self, version: str) -> None:
        """Rename the ML backend, and with it the project's version, to what is served."""
        wiring.announce(self._project, self._options, version)

    def poll(self, cursor: str | None) -> Iterator[Page]:
        """Tasks that changed since the cursor."""
        return polling.poll(self._project, cursor)

    def sweep(self, cursor: str | None) -> Iterator[Page]:
        """All tasks."""
        return polling.sweep(self._project, cursor)

    def fetch(self, keys: Sequence[str]) -> Page:
        """Some tasks as they are now."""
        return polling.fetch(self._project, keys)

    def waiting(self, version: str, cursor: str | None) -> Iterator[Page]:
        """Unlabelled tasks without a prediction of `version`, those that Label Studio shows next first."""
        return pushing.waiting(self._project, version, cursor)

    def push(self, suggestions: Sequence[Suggestion], questions: Sequence[Question]) -> int:
        """Import predictions; returns how many were taken."""
        return pushing.push(self._project, suggestions, questions)

    def at_once(self) -> int:
        """The more, the more tasks there are."""
        return pushing.at_once(self._project)

    def candidates(self) -> Iterator[Candidate]:
        """Unlabelled tasks, where there is a tab to show an order in."""
        return ranks.candidates(self._project) if _number(self._options.get("tab")) else iter(())

    def rank(self, keys: Sequence[str]) -> None:
        """The first of these are in our tab, in the order of their scores."""
        tab, first = _number(self._options.get("tab")), keys[: ranks.NEXT]
        if tab and self._shown != set(first):
            ranks.rank(self._project, tab, first)
            self._shown = set(first)

    def explain(self, suggestion: Suggestion) -> None:
        """Marks in a control that asks nothing, and in the details of spans."""
        pushing.explain(self._project, suggestion)

    def doubt(self, keys: Sequence[str]) -> None:
        """The first of these are in a tab of their own."""
        doubts.show(self._project, keys)

    def add(self, given: Given) -> None:
        """A task that has an annotation from its beginning."""
        adding.add(self._project, given)

    def link(self, key: str, fields: Mapping[str, str], labelled: bool) -> str | None:
        """The task in the Data Manager."""
        number, url = self._project.known, self._project.client.url
        return None if number is None else f"{url.rstrip('/')}/projects/{number}/data?task={quote(key)}"

    def shows(self, suggestion: Suggestion) -> Mapping[str, Answer]:
        """All of it."""
        return {name: one.answer for name, one in suggestion.predictions.items() if one.answer not in (None, [])}

    def retire(self, versions: Iterable[str]) -> bool:
        """Delete the predictions of these versions, save the live one's; of many some at a time."""
        return retirement.retire(self._project, versions)

    @classmethod
    def routes(cls, host: Host) -> Blueprint:
        """/health, /setup, /predict, /train, /webhook and /versions, to be registered at the root."""
        return protocol.blueprint(host)


def _number(value: object) -> int | None:
    return value if type(value) is int else None
