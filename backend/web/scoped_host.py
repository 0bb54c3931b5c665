"""What the connectors' routes may ask of the web process: about the project that the caller's secret is good for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from labelwheel.backend.errors import Forbidden
from labelwheel.backend.web import audit
from labelwheel.backend.web.roles import Access, Role, current
from labelwheel.plugins.connector import Host, Purpose, Suggestion
from labelwheel.training.questions import Answer, Example, Question


class ScopedHost:
    """`labelwheel.plugins.connector.Host` that checks each call: so no connector's route can forget to."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def version(self, tool: str, reference: str) -> str:
        _check(tool, reference)
        return self._host.version(tool, reference)

    def versions(self, tool: str, reference: str | None) -> list[str]:
        access = current()
        if reference is None and access.owner is not None:
            reference = access.owner.reference
        _check(tool, reference)
        return self._host.versions(tool, reference)

    def questions(self, tool: str, reference: str) -> Sequence[Question]:
        _check(tool, reference)
        return self._host.questions(tool, reference)

    def options(self, tool: str, reference: str) -> Mapping[str, Any]:
        _check(tool, reference, signed=True)
        return self._host.options(tool, reference)

    def suggest(self, tool: str, reference: str, examples: Sequence[Example]) -> list[Suggestion]:
        _check(tool, reference)
        return self._host.suggest(tool, reference, examples)

    def blind(self, tool: str, reference: str, example: Example) -> bool:
        _check(tool, reference)
        return self._host.blind(tool, reference, example)

    def implied(self, tool: str, reference: str, example: Example, given: Mapping[str, Answer]) -> Suggestion:
        _check(tool, reference)
        return self._host.implied(tool, reference, example, given)

    def hint(self, tool: str, reference: str, keys: Collection[str] = ()) -> None:
        _check(tool, reference, signed=True)
        self._host.hint(tool, reference, keys)

    def train(self, tool: str, reference: str) -> Mapping[str, str]:
        access = _check(tool, reference)
        if access.owner is not None and access.owner.purpose is not Purpose.PREDICT:
            raise Forbidden("a webhook's secret cannot ask for training")
        audit.mark(f"train, asked for in {tool} project {reference}")
        return self._host.train(tool, reference)


def _check(tool: str, reference: str | None, signed: bool = False) -> Access:
    access = current()
    if access.role is Role.ADMIN or (signed and access.role is Role.SIGNED):
        return access
    if access.owner is not None and (access.owner.tool, access.owner.reference) == (tool, reference):
        return access
    raise Forbidden(f"these credentials are not good for {tool} project {reference!r:.100}")
