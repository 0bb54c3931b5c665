"""Argilla's HTTP API, as far as a connector needs it: one key, timeouts, retries, one error tree."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import requests
from pydantic import SecretStr

from plugins.errors import ToolError, ToolRefused, ToolUnreachable

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 120.0
"""A bulk request takes ten milliseconds a record, more on a busy server."""
ATTEMPTS = 4
PASSING = frozenset({429, 500, 502, 503, 504})


class Missing(ToolError):
    """What was asked for is not in Argilla, or not for this key. Look whether it was deleted or renamed."""

    status = 404


class Rejected(ToolError):
    """Argilla cannot take what it was sent. The message has Argilla's reason."""

    status = 422


class Client:
    """One person's access to one Argilla, by API key."""

    def __init__(self, url: str, api_key: SecretStr, *, attempts: int = ATTEMPTS) -> None:
        self.url = url.rstrip("/")
        self._attempts = attempts
        self._key = SecretStr(api_key.get_secret_value().strip())
        self._session = requests.Session()

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """JSON of a GET; tried again with growing pauses while Argilla is away."""
        return self.ask("GET", path, params=params)

    def ask(self, method: str, path: str, **arguments: Any) -> Any:
        """JSON of a call that changes nothing, a search among them; tried again like a GET."""
        for attempt in range(self._attempts):
            try:
                return self._json(method, path, **arguments)
            except ToolError as error:
                passing = isinstance(error, ToolUnreachable) or getattr(error, "http_status", 0) in PASSING
                if not passing or attempt + 1 == self._attempts:
                    raise
                time.sleep(0.25 * 3**attempt)
        raise AssertionError("unreachable")

    def send(self, method: str, path: str, body: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        """JSON of a call that changes something, or None; sent once, because it may have happened."""
        return self._json(method, path, json=body, params=params)

    def _json(self, method: str, path: str, **arguments: Any) -> Any:
        call = f"{method} {self.url}{path}"
        response = self._request(method, path, **arguments)
        if response.is_redirect:
            raise ToolError(f"{call} leads to {response.headers.get('Location')}: connect with the address it leads to")
        if not response.ok:
            raise _refusal(response, call)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise ToolError(f"{call} answered something that is not JSON: is this Argilla's address?") from None

    def _request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        try:
            return self._session.request(
                method,
                f"{self.url}/api/v1{path}",
                headers={"X-Argilla-Api-Key": self._key.get_secret_value()},
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
                **arguments,
            )
        except requests.Timeout as error:
            raise ToolUnreachable(f"Argilla did not answer {method} {self.url}{path} in time") from error
        except requests.ConnectionError as error:
            raise ToolUnreachable(f"Argilla at {self.url} cannot be reached ({method} {path})") from error
        except (UnicodeError, requests.exceptions.InvalidHeader):
            raise ToolRefused("The API key has characters that no key of Argilla has: copy it again") from None
        except requests.RequestException as error:
            raise ToolError(f"{method} {self.url}{path} cannot be sent: {type(error).__name__}") from error


def _refusal(response: requests.Response, call: str) -> ToolError:
    detail = _detail(response)
    error: ToolError
    if response.status_code == 401:
        error = ToolRefused(f"Argilla does not accept the API key for {call}: copy it again from your settings there")
    elif response.status_code == 403:
        error = ToolRefused(f"Argilla does not let this key's owner do {call}: {detail}")
    elif response.status_code == 404:
        error = Missing(f"Argilla has nothing at {call}: {detail}")
    elif response.status_code == 422:
        error = Rejected(f"Argilla rejected {call}: {detail}")
    else:
        error = ToolError(f"Argilla answered {call} with {response.status_code}: {detail}")
    error.http_status = response.status_code  # type: ignore[attr-defined]
    return error


def _detail(response: requests.Response) -> str:
    """The part of an error that is meant for people."""
    try:
        body = response.json()
    except ValueError:
        return response.reason or "no reason given"
    detail = body.get("detail", body) if isinstance(body, dict) else body
    if isinstance(detail, dict):
        parameters = detail.get("params")
        detail = (
            parameters.get("detail") or parameters.get("errors") or detail if isinstance(parameters, dict) else detail
        )
    return str(detail)[:500]
