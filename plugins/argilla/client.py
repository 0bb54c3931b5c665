"""Argilla's HTTP API, as far as a connector needs it: one key, one error tree. See labelwheel.plugins.http."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from labelwheel.plugins.errors import ToolError, ToolFailed, ToolRefused, ToolUnreachable
from labelwheel.plugins.http import ATTEMPTS, Answer, ToolSession, patiently

READ_TIMEOUT = 120.0
"""A bulk request takes ten milliseconds a record, more on a busy server."""
SAID = 500
"""So many characters of Argilla's own words are worth repeating."""


class Missing(ToolError):
    """What was asked for is not in Argilla, or not for this key. Look whether it was deleted or renamed."""

    status = 404


class Rejected(ToolError):
    """Argilla cannot take what it was sent. The message has Argilla's reason."""

    status = 422


class Client:
    """One person's access to one Argilla, by API key."""

    def __init__(self, url: str, api_key: SecretStr, *, attempts: int = ATTEMPTS) -> None:
        self._session = ToolSession("Argilla", url, "API key")
        self.url = self._session.url
        self._attempts = attempts
        self._key = SecretStr(api_key.get_secret_value().strip())
        self._met = False

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, attempts: int | None = None) -> Any:
        """JSON of a GET; tried again with growing pauses while Argilla is away."""
        return self.ask("GET", path, attempts=attempts, params=params)

    def ask(self, method: str, path: str, *, attempts: int | None = None, **arguments: Any) -> Any:
        """JSON of a call that changes nothing, a search among them; tried again like a GET."""
        return patiently(lambda: self._json(method, path, **arguments), attempts or self._attempts)

    def send(self, method: str, path: str, body: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        """JSON of a call that changes something, or None; sent once, because it may have happened."""
        return self._json(method, path, json=body, params=params)

    def _json(self, method: str, path: str, **arguments: Any) -> Any:
        headers = {"X-Argilla-Api-Key": self._key.get_secret_value()}
        answer = self._session.call(method, f"/api/v1{path}", READ_TIMEOUT, headers=headers, **arguments)
        if not answer.ok:
            raise self._refusal(answer)
        found = self._session.json(answer)
        self._met = True
        return found

    def _refusal(self, answer: Answer) -> ToolError:
        if answer.status < 500:
            self._check_place()
        call, detail = answer.call, _detail(answer)
        error: ToolError
        if answer.status == 401:
            error = ToolRefused(
                f"Argilla does not accept the API key for {call}: copy it again from your settings there"
            )
        elif answer.status == 403:
            error = ToolRefused(f"Argilla does not let this key's owner do {call}: {detail}")
        elif answer.status == 404:
            error = Missing(f"Argilla has nothing at {call}: {detail}")
        elif answer.status == 422:
            error = Rejected(f"Argilla rejected {call}: {detail}")
        else:
            kind = ToolFailed if answer.status == 500 else ToolError
            error = kind(f"Argilla answered {call} with {answer.status}: {detail}")
        error.http_status = answer.status
        return error

    def _check_place(self) -> None:
        """Raises ToolError where another server answers: what that one refuses says nothing of Argilla."""
        if self._met:
            return
        try:
            answer = self._session.call("GET", "/api/v1/version", READ_TIMEOUT)
            status, told = answer.status, answer.json() if answer.ok else {}
        except ToolUnreachable:
            return
        except (ToolError, ValueError):
            status, told = 404, {}
        if isinstance(told, dict) and isinstance(told.get("version"), str):
            self._met = True
        elif status < 400 or status == 404:
            raise ToolError(
                f"{self.url} is not Argilla's address: something else answers there. Give its base address, as the "
                "browser shows it before /dataset, such as http://host:6900"
            )


def _detail(answer: Answer) -> str:
    """The part of one of Argilla's own errors that is meant for people; nothing of anybody else's page."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    said = body.get("detail") or body.get("message") if isinstance(body, dict) else None
    if isinstance(said, dict):
        parameters = said.get("params")
        known = parameters if isinstance(parameters, dict) else {}
        said = known.get("detail") or known.get("errors") or said.get("code")
    if isinstance(said, list):
        said = "; ".join(str(one.get("msg") if isinstance(one, dict) else one) for one in said)
    return " ".join(str(said).split())[:SAID] if said else answer.phrase
