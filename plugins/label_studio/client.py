"""Label Studio's HTTP API, as far as a connector needs it: tokens of both kinds, timeouts, retries, one error tree."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

import requests
from pydantic import SecretStr

from plugins.errors import AddressRefused, ToolError, ToolRefused, ToolUnreachable

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 60.0
ATTEMPTS = 4
PASSING = frozenset({429, 500, 502, 503, 504})
"""Answers after which a GET is tried again: a proxy without a backend, SQLite's "database is locked"."""


class Client:
    """One person's access to one Label Studio. A personal access token and a legacy token are told apart by shape."""

    def __init__(self, url: str, api_key: SecretStr, *, attempts: int = ATTEMPTS) -> None:
        self.url = url.rstrip("/")
        self._key = SecretStr(api_key.get_secret_value().strip())
        self._attempts = attempts
        self._session = requests.Session()
        self._access: tuple[str, float] | None = None

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, timeout: float = READ_TIMEOUT) -> Any:
        """JSON of a GET; tried again with growing pauses while Label Studio is away."""
        for attempt in range(self._attempts):
            try:
                return self._json("GET", path, params=params, timeout=timeout)
            except ToolError as error:
                passing = isinstance(error, ToolUnreachable) or getattr(error, "http_status", 0) in PASSING
                if not passing or attempt + 1 == self._attempts:
                    raise
                time.sleep(0.25 * 3**attempt)
        raise AssertionError("unreachable")

    def send(self, method: str, path: str, body: Any = None, *, timeout: float = READ_TIMEOUT) -> Any:
        """JSON of a call that changes something, or None; sent once, because it may have happened."""
        return self._json(method, path, json=body, timeout=timeout)

    def _json(self, method: str, path: str, *, timeout: float, **arguments: Any) -> Any:
        response = self._request(method, path, timeout, **arguments)
        if response.status_code == 401 and self._personal:
            self._access = None
            response = self._request(method, path, timeout, **arguments)
        call = f"{method} {self.url}{path}"
        if response.is_redirect:
            raise ToolError(f"{call} leads to {response.headers.get('Location')}: connect with the address it leads to")
        if not response.ok:
            raise _refusal(response, call)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise ToolError(f"{call} answered something that is not JSON: is this Label Studio's address?") from None

    def _request(self, method: str, path: str, timeout: float, **arguments: Any) -> requests.Response:
        headers = {"Authorization": self._authorization()}
        return self._raw(method, path, timeout, headers=headers, **arguments)

    def _raw(self, method: str, path: str, timeout: float, **arguments: Any) -> requests.Response:
        try:
            return self._session.request(
                method, self.url + path, timeout=(CONNECT_TIMEOUT, timeout), allow_redirects=False, **arguments
            )
        except requests.Timeout as error:
            raise ToolUnreachable(f"Label Studio did not answer {method} {self.url}{path} in time") from error
        except requests.ConnectionError as error:
            raise ToolUnreachable(f"Label Studio at {self.url} cannot be reached ({method} {path})") from error
        except UnicodeError:
            raise ToolRefused("The token has characters that no token of Label Studio has: copy it again") from None
        except requests.RequestException as error:
            raise ToolError(f"{method} {self.url}{path} cannot be sent: {type(error).__name__}") from error

    @property
    def _personal(self) -> bool:
        return claims(self._key.get_secret_value()).get("token_type") == "refresh"

    def _authorization(self) -> str:
        key = self._key.get_secret_value()
        if not self._personal:
            return f"Token {key}"
        if self._access is None or time.monotonic() > self._access[1]:
            self._access = self._refresh(key)
        return f"Bearer {self._access[0]}"

    def _refresh(self, key: str) -> tuple[str, float]:
        response = self._raw("POST", "/api/token/refresh/", READ_TIMEOUT, json={"refresh": key})
        if response.status_code in (400, 401, 403):
            raise ToolRefused(f"Label Studio at {self.url} does not accept the personal access token: make a new one")
        if not response.ok:
            raise _refusal(response, f"POST {self.url}/api/token/refresh/")
        try:
            access = str(response.json()["access"])
        except (ValueError, KeyError, TypeError):
            raise ToolError(f"{self.url}/api/token/refresh/ gave no token: is this Label Studio's address?") from None
        told = claims(access)
        lifetime = float(told.get("exp", 0)) - float(told.get("iat", 0)) if told else 0.0
        return access, time.monotonic() + max(lifetime - 30.0, 30.0)


def claims(token: str) -> dict[str, Any]:
    """What a JWT says of itself, unverified; empty for anything else, such as a legacy token."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        told = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _refusal(response: requests.Response, call: str) -> ToolError:
    detail = _detail(response)
    error: ToolError
    if "reserved network address" in detail:
        error = AddressRefused(detail)
    elif response.status_code == 401:
        hint = " (legacy tokens are off by default: use a personal access token)" if "legacy" in detail else ""
        error = ToolRefused(f"Label Studio does not accept the token for {call}{hint}: {detail}")
    elif response.status_code == 403:
        error = ToolRefused(f"Label Studio does not let this token's owner do {call}: {detail}")
    else:
        error = ToolError(f"Label Studio answered {call} with {response.status_code}: {detail}")
    error.http_status = response.status_code  # type: ignore[attr-defined]
    return error


def _detail(response: requests.Response) -> str:
    """The part of an error that is meant for people; never the whole page of a traceback."""
    try:
        body = response.json()
    except ValueError:
        return response.reason or "no reason given"
    if not isinstance(body, dict):
        return str(body)[:500]
    parts = [str(body.get("detail") or "")]
    problems = body.get("validation_errors")
    if isinstance(problems, dict):
        parts += [str(text) for texts in problems.values() for text in (texts if isinstance(texts, list) else [texts])]
    return " ".join(part for part in parts if part)[:1000] or str(body)[:500]
