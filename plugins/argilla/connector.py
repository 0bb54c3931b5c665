"""The Argilla connector: one connected dataset, and the route that Argilla calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from flask import Blueprint

from labelwheel.plugins.argilla import adding, addresses, doubts, polling, pushing, webhook, wiring
from labelwheel.plugins.argilla.client import Client
from labelwheel.plugins.argilla.dataset import Dataset
from labelwheel.plugins.argilla.finding import SEPARATOR
from labelwheel.plugins.argilla.polling import Poller
from labelwheel.plugins.argilla.pushing import Pusher
from labelwheel.plugins.argilla.ranks import RankedRecords
from labelwheel.plugins.argilla.reasons import ReasonsProperty
from labelwheel.plugins.capabilities import Candidate, Given
from labelwheel.plugins.connector import Argument, Config, Connection, Host, Page, Service, Suggestion
from labelwheel.training.questions import Answer, Example, Question


class Argilla:
    """One dataset of one Argilla; see labelwheel.plugins.connector.Connector."""

    tool: ClassVar[str] = webhook.TOOL
    arguments: ClassVar[tuple[Argument, ...]] = (
        Argument(name="dataset", help="the dataset's name"),
        Argument(name="workspace", help="its workspace, where several have a dataset of that name", required=False),
    )

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._options: Mapping[str, Any] = connection.options
        client = Client(connection.url, connection.api_key)
        self._dataset = Dataset(client, connection.project, self._options.get("dataset"))
        self._poller = Poller(self._dataset)
        self._ranks = RankedRecords(self._dataset, bool(self._options.get("ordered")))
        self._pusher = Pusher(self._dataset, self._ranks)
        self._reasons = ReasonsProperty(self._dataset)

    @classmethod
    def place(cls, arguments: Mapping[str, str]) -> str:
        """`workspace/dataset`, or the dataset alone."""
        return SEPARATOR.join(filter(None, (arguments.get("workspace"), arguments["dataset"])))

    def config(self) -> Config:
        """Read what the dataset asks, and check that the credentials work."""
        return self._dataset.config()

    def wire(self, service: Service, version: str) -> Mapping[str, Any]:
        """Register a webhook for responses, and a place for the order of records; returns the options to keep."""
        self._options = wiring.wire(self._dataset, self._options, service)
        return self._options

    def unwire(self) -> None:
        """Remove webhook and our metadata; responses and suggestions stay."""
        wiring.unwire(self._dataset, self._options)
        self._reasons.remove()
        doubts.remove(self._dataset)

    def announce(self, version: str) -> None:
        """Nothing to tell: each suggestion names its version as its agent."""

    def poll(self, cursor: str | None) -> Iterator[Page]:
        """Records that changed since the listing before, once anything moved."""
        return self._poller.poll(cursor)

    def sweep(self, cursor: str | None) -> Iterator[Page]:
        """All records."""
        return polling.sweep(self._dataset, cursor)

    def fetch(self, keys: Sequence[str]) -> Page:
        """Some records as they are now."""
        return polling.fetch(self._dataset, keys)

    def waiting(self, version: str, cursor: str | None) -> Iterator[Page]:
        """Pending records that were not looked at for `version`."""
        return self._pusher.waiting(version, cursor)

    def candidates(self) -> Iterator[Candidate]:
        """Pending records with suggestions; none where the dataset has no place for an order."""
        return self._ranks.candidates()

    def rank(self, keys: Sequence[str]) -> None:
        """Number the records in the metadata, for annotators to sort by."""
        self._ranks.rank(keys)

    def doubt(self, keys: Sequence[str]) -> None:
        """Number these records in the metadata, for people to sort by."""
        doubts.show(self._dataset, keys)

    def upcoming(self, count: int) -> Sequence[Example]:
        """Pending records, those of the lowest ranks first."""
        return self._pusher.upcoming(count)

    def push(self, suggestions: Sequence[Suggestion], questions: Sequence[Question]) -> int:
        """Show the suggestions that changed; returns for how many records all is well."""
        return self._pusher.push(suggestions, questions)

    def explain(self, suggestion: Suggestion) -> None:
        """A line in the metadata, which is made a place there with the first one."""
        self._reasons.show(suggestion)

    def add(self, given: Given) -> None:
        """A record that has a response from its beginning."""
        adding.add(self._dataset, given)

    def link(self, key: str, fields: Mapping[str, str], labelled: bool) -> str | None:
        """The dataset, searched for the record's words where they are told."""
        known = self._options.get("dataset")
        return addresses.of(self.connection.url, known, fields, labelled) if known else None

    def shows(self, suggestion: Suggestion) -> Mapping[str, Answer]:
        """What fits Argilla, read back as if somebody submitted it."""
        return pushing.shows(self._dataset.layout, suggestion)

    def retire(self, versions: Iterable[str]) -> bool:
        """Take away what nobody stands for any more; False where more is left to look at."""
        return self._pusher.retire(versions)

    @classmethod
    def routes(cls, host: Host) -> Blueprint:
        """/argilla/DATASET/webhook."""
        return webhook.blueprint(host)
