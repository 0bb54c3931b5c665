"""Label Studio's HTTP API, as far as a connector needs it: tokens of both kinds, one error tree. See `plugins.http`."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from labelwheel.plugins.errors import AddressRefused, ToolError, ToolFailed, ToolRefused, ToolUnreachable
from labelwheel.plugins.http import ATTEMPTS, Answer, ToolSession, patiently

log = logging.getLogger(__name__)

READ_TIMEOUT = 60.0
SAID = 500
"""So many characters of Label Studio's own words are worth repeating."""


class Client:
    """One person's access to one Label Studio. A personal access token and a legacy token are told apart by shape."""

    def __init__(self, url: str, api_key: SecretStr, *, attempts: int = ATTEMPTS) -> None:
        self._session = ToolSession("Label Studio", url, "token")
        self.url = self._session.url
        self._key = SecretStr(api_key.get_secret_value().strip())
        self._attempts = attempts
        self._access: tuple[str, float] | None = None
        self._met = False

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float = READ_TIMEOUT,
        attempts: int | None = None,
    ) -> Any:
        """JSON of a GET; tried again with growing pauses while Label Studio is away."""
        return patiently(lambda: self._json("GET", path, params=params, timeout=timeout), attempts or self._attempts)

    def send(self, method: str, path: str, body: Any = None, *, timeout: float = READ_TIMEOUT) -> Any:
        """JSON of a call that changes something, or None; sent once, because it may have happened."""
        return self._json(method, path, json=body, timeout=timeout)

    def _json(self, method: str, path: str, *, timeout: float, **arguments: Any) -> Any:
        answer = self._call(method, path, timeout, **arguments)
        if answer.status == 401 and self._personal:
            self._access = None
            answer = self._call(method, path, timeout, **arguments)
        if not answer.ok:
            raise self._refusal(answer)
        found = self._session.json(answer)
        self._met = True
        return found

    def _call(self, method: str, path: str, timeout: float, **arguments: Any) -> Answer:
        headers = {"Authorization": self._authorization()}
        return self._session.call(method, path, timeout, headers=headers, **arguments)

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
        answer = self._session.call("POST", "/api/token/refresh/", READ_TIMEOUT, json={"refresh": key})
        if answer.status in (400, 401, 403):
            self._check_place(answer)
            raise ToolRefused(f"Label Studio at {self.url} does not accept the personal access token: make a new one")
        if not answer.ok:
            raise self._refusal(answer)
        try:
            access = str(answer.json()["access"])
        except (ValueError, KeyError, TypeError):
            raise ToolError(f"{self.url}/api/token/refresh/ gave no token: is this Label Studio's address?") from None
        told = claims(access)
        lifetime = float(told.get("exp", 0)) - float(told.get("iat", 0)) if told else 0.0
        return access, time.monotonic() + max(lifetime - 30.0, 30.0)

    def _refusal(self, answer: Answer) -> ToolError:
        if answer.status < 500:
            self._check_place(answer)
        detail = _detail(answer)
        error: ToolError
        if "reserved network address" in detail:
            error = AddressRefused(detail)
        elif answer.status == 401:
            hint = " (legacy tokens are off by default: use a personal access token)" if "legacy" in detail else ""
            error = ToolRefused(f"Label Studio does not accept the token for {answer.call}{hint}: {detail}")
        elif answer.status == 403:
            error = ToolRefused(f"Label Studio does not let this token's owner do {answer.call}: {detail}")
        else:
            kind = ToolFailed if answer.status == 500 else ToolError
            error = kind(f"Label Studio answered {answer.call} with {answer.status}: {detail}")
        error.http_status = answer.status
        return error

    def _check_place(self, refusal: Answer) -> None:
        """Raises ToolError where another server answers: what that one refuses says nothing of Label Studio."""
        if self._met:
            return
        try:
            answer = self._session.call("GET", "/api/version/", READ_TIMEOUT)
            if answer.ok and refusal.status == 404:
                # Label Studio tells its version behind any path, but has its projects at one alone
                listed = self._session.call("GET", "/api/projects/", READ_TIMEOUT)
                answer = listed if listed.status == 404 else answer
            status, told = answer.status, answer.json() if answer.ok else {}
        except ToolUnreachable:
            return
        except (ToolError, ValueError):
            status, told = 404, {}
        if isinstance(told, dict) and ("release" in told or "label-studio-os-package" in told):
            self._met = True
        elif status < 400 or status == 404:
            raise ToolError(
                f"{self.url} is not Label Studio's address: something else answers there. Give its base address, as "
                "the browser shows it before /projects, such as http://host:8080"
            )


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


def _detail(answer: Answer) -> str:
    """The part of one of Label Studio's own errors that is meant for people; nothing of anybody else's page."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or not {"status_code", "version", "detail"} <= body.keys():
        return answer.phrase
    problems = body.get("validation_errors")
    parts = [str(body["detail"] or "")]
    if isinstance(problems, dict):
        parts += [str(text) for texts in problems.values() for text in (texts if isinstance(texts, list) else [texts])]
    return " ".join(" ".join(parts).split())[:SAID] or answer.phrase
