"""The contract: what joins one labelling tool to the rest.

A connector is a package under `plugins/` with one class that implements `Connector`, named in the entry-point group
`labelwheel.connectors`. It knows the tool's API and nothing of models, databases or threads. The worker calls
everything but `routes`; the web process calls `routes` alone.

The truth flows one way: `poll` and `sweep` read what people did, `push` and `announce` show what the model says.
What only some tools can do, labelwheel.plugins.capabilities has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from flask import Blueprint
from pydantic import Field, SecretStr

from labelwheel.plugins.reasons import Reason
from labelwheel.training.questions import Answer, Example, Frozen, Prediction, Question


class Argument(Frozen):
    """An option of `labelwheel connect` that says which project is meant: `--name VALUE`, and `-s` for short."""

    name: str
    help: str
    short: str = ""
    required: bool = True


class Connection(Frozen):
    """Where a project is and how to get in.

    `options` are the connector's own, kept between calls: JSON, and SecretStr, which are encrypted where they are kept.
    """

    tool: str
    url: str
    api_key: SecretStr
    project: str
    options: Mapping[str, Any] = Field(default_factory=dict)


class Purpose(StrEnum):
    """What a secret that stands in a labelling tool is good for."""

    PREDICT = "predict"
    WEBHOOK = "webhook"


class Service(Frozen):
    """How the labelling tool reaches labelwheel, and with which secrets: they are good for this one project alone.

    `predict_secret` opens every route of the connector, `webhook_secret` only those that are marked `takes_webhooks`:
    tools show the headers of a webhook to more people than the password of a model. `renew` asks for new secrets also
    where the tool makes them by itself.
    """

    url: str
    predict_secret: SecretStr
    webhook_secret: SecretStr
    renew: bool = False


class Unlearnt(Frozen):
    """A question that is asked but not learnt, with the reason that `status` shows."""

    name: str
    reason: str


class Config(Frozen):
    """What a project asks. `reference` is the name by which the tool's requests call the project."""

    reference: str
    title: str
    source: str
    questions: tuple[Question, ...]
    unlearnt: tuple[Unlearnt, ...] = ()


class Work(Frozen):
    """What one person has submitted for one example, as it stands now: an annotation, a response.

    `answers` holds what was answered, in canonical form (an empty list says "none of them"; what was left open is no
    key). `silent` names those with an empty list because nothing was said about them: that says "none" only if they
    were asked by then, which the ledger knows. `origins` says how each came about: "accepted", "changed" or "made" (by
    hand); `version` is that of the suggestion it started from, if any, and `suggested` what it said, while the tool
    has it. A connector that does not trace leaves all three to the ledger. `rejected` explains what could not be taken.
    """

    key: str
    example: str
    annotator: str
    updated_at: datetime
    answers: Mapping[str, Answer]
    created_at: datetime | None = None
    lead_time: float | None = None
    version: str | None = None
    silent: tuple[str, ...] = ()
    origins: Mapping[str, str] = Field(default_factory=dict)
    suggested: Mapping[str, Answer] = Field(default_factory=dict)
    skipped: bool = False
    rejected: tuple[str, ...] = ()


class Aside(Frozen):
    """An example over which the tool itself fails, whatever is asked of it; it is there, and is tried again later.

    `named` is false where not even its key is known, and `key` says where it stands instead.
    """

    key: str
    reason: str
    named: bool = True


class Page(Frozen):
    """A bounded piece of what happened in the tool; the ledger takes a page whole, together with its cursor.

    `examples` that are new or changed, all current `work` on `refreshed` examples (work that the ledger still has on
    one of them, and that is not listed, was deleted), and the keys of what is known to be `gone`. What had to be left
    out is set `aside`: nothing is known of it, so it is neither read nor gone.
    """

    examples: tuple[Example, ...] = ()
    work: tuple[Work, ...] = ()
    refreshed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    aside: tuple[Aside, ...] = ()
    cursor: str = ""


class Suggestion(Frozen):
    """What the model says about one example, ready to be shown: by question, of one generation; `reasons` as known.

    Of a `blind` example nobody is shown anything: nothing is predicted, and what a tool has of ours is taken away.
    """

    example: Example
    version: str
    predictions: Mapping[str, Prediction]
    blind: bool = False
    reasons: Mapping[str, tuple[Reason, ...]] = Field(default_factory=dict)


class Connector(Protocol):
    """One connected project of one labelling tool. Methods raise ToolError; they may be called again at any time.

    `arguments` are what `labelwheel connect` asks for beside address and key.
    """

    tool: ClassVar[str]
    arguments: ClassVar[tuple[Argument, ...]]

    def __init__(self, connection: Connection) -> None: ...

    @classmethod
    def place(cls, arguments: Mapping[str, str]) -> str:
        """The name under which a project is kept, `Connection.project`, from the arguments that were given."""

    def config(self) -> Config:
        """Read what the project asks, and check that the credentials work."""

    def wire(self, service: Service, version: str) -> Mapping[str, Any]:
        """Make the tool call us and show our suggestions; idempotent; nothing half-wired is left on failure.

        Called anew with other secrets, it puts them in the place of the old ones. Returns the `options` to keep with
        the connection.
        """

    def unwire(self) -> None:
        """Undo `wire`. People's labels and the suggestions that were shown stay."""

    def announce(self, version: str) -> None:
        """Tell the tool which version is served from now on."""

    def poll(self, cursor: str | None) -> Iterator[Page]:
        """What happened since the cursor, oldest first, at a cost that does not grow with the project.

        None starts from the beginning. Ends when it has caught up; the last page's cursor is where to go on.
        """

    def sweep(self, cursor: str | None) -> Iterator[Page]:
        """The whole project, page by page: finds what `poll` cannot see, such as deletions. Resumes at the cursor.

        Examples that are in the ledger and in no page of a sweep begun at None are gone. What was set aside is tried
        again.
        """

    def waiting(self, version: str, cursor: str | None) -> Iterator[Page]:
        """Examples that nobody has labelled and that show no suggestion of `version`, those shown next first."""

    def push(self, suggestions: Sequence[Suggestion], questions: Sequence[Question]) -> int:
        """Show suggestions, in bulk; returns how many the tool took. One bad item never costs the others."""

    def shows(self, suggestion: Suggestion) -> Mapping[str, Answer]:
        """What people get to see of a suggestion, by question; the ledger keeps it. Calls nothing.

        Questions for which nothing is shown are left out.
        """

    def retire(self, versions: Iterable[str]) -> bool | None:
        """Take away suggestions of versions that nobody should see any more.

        False where more are left, so that people are not kept from the tool meanwhile: it is called again then.
        """

    @classmethod
    def routes(cls, host: Host) -> Blueprint:
        """The routes that the tool calls. Credentials and the body's size are checked before they are reached.

        They are open to the admin's token and to the project's `predict_secret`. What else opens one, and how much it
        takes, labelwheel.plugins.route_marks says: `takes_webhooks` where the `webhook_secret` is enough, `readable`
        where the read-only token is, `own_credentials` where its caller can send none of them and it checks what it
        can send, `body_limit` where it takes more than a small body. What labelwheel.plugins.descriptions marks is
        described in the OpenAPI document.
        """


class Host(Protocol):
    """What a connector's routes may ask of the web process: about the caller's own project, else Forbidden is raised.

    A route with `own_credentials` may ask for `options` and `hint` alone, of the project that it checked them for.
    """

    def version(self, tool: str, reference: str) -> str:
        """The generation that is served to a project right now; raises UnknownProject."""

    def versions(self, tool: str, reference: str | None) -> list[str]:
        """The generations that a project (None: all that the caller may ask about) was served, the newest first."""

    def questions(self, tool: str, reference: str) -> Sequence[Question]:
        """The questions that are learnt for a project."""

    def options(self, tool: str, reference: str) -> Mapping[str, Any]:
        """What `wire` returned for a project, read from the database; raises UnknownProject."""

    def suggest(self, tool: str, reference: str, examples: Sequence[Example]) -> list[Suggestion]:
        """One suggestion per example, in order, all of one generation; raises UnknownProject, Overloaded."""

    def blind(self, tool: str, reference: str, example: Example) -> bool:
        """Whether nobody is shown a suggestion for an example, which `suggest` leaves blank; raises UnknownProject."""

    def implied(self, tool: str, reference: str, example: Example, given: Mapping[str, Answer]) -> Suggestion:
        """What the answers `given` so far to some questions about an example imply for the others.

        A question is among the predictions only where how people answered so far makes it clear. Raises UnknownProject,
        Overloaded.
        """

    def hint(self, tool: str, reference: str, keys: Collection[str] = ()) -> None:
        """Something happened in a project: the worker should look soon. Takes milliseconds, never fails.

        `keys` are those of the examples that it happened to; without, or with too many, the worker polls.
        """

    def train(self, tool: str, reference: str) -> Mapping[str, str]:
        """Someone pressed "train" in the tool: starts the rounds that the policy allows, as it would by itself.

        Returns by question what comes of it, in words for people. Not to be had with a webhook's secret.
        """
