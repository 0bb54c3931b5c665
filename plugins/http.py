"""Every outgoing session, in one policy: whom to trust, how long to wait, how often to try again, how much to read.

- What goes to ourselves (`own_session`) passes no proxy. What goes to a labelling tool may pass the proxy that the
  environment names; what goes to a loopback address never does.
- Nobody reads `~/.netrc`, and nobody keeps cookies: the credentials are those that were given, or none.
- No redirect is followed: it would carry the credentials to whoever is named in it.
- An answer that is silent, slow or large ends in an error. So does a path that would leave the one that was meant.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.utils import get_environ_proxies

from labelwheel.plugins.addresses import checked, shown
from labelwheel.plugins.errors import ToolError, ToolFailed, ToolRefused, ToolUnreachable

CONNECT_SECONDS = 5.0
ATTEMPTS = 4
PAUSE = 0.25
"""Before the second attempt; three times as long before each further one."""
PATIENCE = 10.0
"""Seconds after which no further attempt begins: whoever waits has to be told."""
PASSING = frozenset({429, 500, 502, 503, 504})
"""Answers after which reading is tried again: a proxy without a backend, SQLite's "database is locked"."""
LARGEST = 64 * 2**20
"""Bytes of an answer, unpacked."""
_CHUNK = 2**16
_PATH = re.compile(r"(?:/[A-Za-z0-9_~:@!$&'()*+,=-][A-Za-z0-9._~:@!$&'()*+,=-]*)+/?")

_Result = TypeVar("_Result")


class Session(requests.Session):
    """Takes nothing from the environment but certificates and, where `proxied`, the proxy; follows no redirect."""

    def __init__(self, *, proxied: bool) -> None:
        super().__init__()
        self.trust_env = False
        self._proxied = proxied
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        return super().request(method, url, *arguments, **{**options, "allow_redirects": False})

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """What `requests` would take from the environment, without what it would take besides."""
        if self._proxied and not _here(str(url)):
            proxies = {**get_environ_proxies(url), **(proxies or {})}
        if verify in (True, None):
            verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or verify
        return super().merge_environment_settings(url, proxies, stream, verify, cert)


def own_session() -> Session:
    """For calls to labelwheel itself."""
    return Session(proxied=False)


class Answer(NamedTuple):
    """What a labelling tool answered to `call`, read to its end."""

    call: str
    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def phrase(self) -> str:
        """The status in words: the standard's, not those of whoever answered."""
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return "no reason given"

    def json(self) -> Any:
        """Raises ValueError where it is none."""
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


class ToolSession:
    """Calls to the labelling tool at `url`; raises ToolError and what is below it, never an error of the library's.

    `credential` is what people call the key in that tool. What is labelwheel itself is not `proxied`.
    """

    def __init__(self, tool: str, url: str, credential: str, *, proxied: bool = True) -> None:
        self.tool, self.url, self._credential = tool, checked(url), credential
        self._session = Session(proxied=proxied)

    def call(self, method: str, path: str, seconds: float, **arguments: Any) -> Answer:
        """One request. `seconds` of silence end it, and so does twice as long in all."""
        call = f"{method} {self.url}{path}"
        if not _PATH.fullmatch(path):
            raise ToolError(f"{self.tool} named something by what is no identifier; not called: {call!r:.300}")
        deadline = time.monotonic() + 2 * seconds
        try:
            with self._session.request(
                method, self.url + path, timeout=(CONNECT_SECONDS, seconds), stream=True, **arguments
            ) as response:
                if response.is_redirect:
                    there = shown(response.headers.get("Location", ""))
                    raise ToolError(f"{call} leads to {there}: connect with the address it leads to")
                return Answer(call, response.status_code, self._read(response, call, deadline))
        except requests.Timeout as error:
            raise ToolUnreachable(f"{self.tool} did not answer {call} in time") from error
        except requests.exceptions.ProxyError as error:
            raise ToolUnreachable(
                f"{self.tool} at {self.url} cannot be reached through the proxy that the environment names "
                f"({method} {path}); NO_PROXY excepts a host from it"
            ) from error
        except requests.exceptions.SSLError as error:
            raise ToolError(
                f"The certificate of {self.url} is not trusted here: set REQUESTS_CA_BUNDLE to its authority's"
            ) from error
        except requests.ConnectionError as error:
            raise ToolUnreachable(f"{self.tool} at {self.url} cannot be reached ({method} {path})") from error
        except (UnicodeError, requests.exceptions.InvalidHeader):
            raise ToolRefused(
                f"The {self._credential} has characters that no {self._credential} of {self.tool} has: copy it again"
            ) from None
        except urllib3.exceptions.DecodeError as error:
            raise ToolError(f"{call} answered what cannot be unpacked") from error
        except urllib3.exceptions.HTTPError as error:
            raise ToolUnreachable(f"{self.tool} broke off its answer to {call}") from error
        except requests.RequestException as error:
            raise ToolError(f"{call} cannot be sent: {type(error).__name__}") from error

    def json(self, answer: Answer) -> Any:
        """What a good answer says; None where it says nothing."""
        if not answer.body:
            return None
        try:
            return answer.json()
        except ValueError:
            raise ToolError(
                f"{answer.call} answered something that is not JSON: is this {self.tool}'s address?"
            ) from None

    def _read(self, response: requests.Response, call: str, deadline: float) -> bytes:
        parts, size = [], 0
        # what came, however little: to wait for a whole piece would let single bytes hold us for hours
        while part := response.raw.read1(_CHUNK, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > LARGEST:
                raise ToolFailed(f"{self.tool} answered {call} with more than {LARGEST // 2**20} MB")
            if time.monotonic() > deadline:
                raise ToolUnreachable(f"{self.tool} did not answer {call} in time: it sends too slowly")
        return b"".join(parts)


def patiently(once: Callable[[], _Result], attempts: int = ATTEMPTS) -> _Result:
    """What `once` gives; tried again, with growing pauses, while the tool is away. For what changes nothing there."""
    began = time.monotonic()
    for attempt in range(1, attempts + 1):
        try:
            return once()
        except ToolError as error:
            passing = isinstance(error, ToolUnreachable) or error.http_status in PASSING
            if not passing or attempt == attempts or time.monotonic() - began > PATIENCE:
                raise
            time.sleep(PAUSE * 3 ** (attempt - 1))
    raise AssertionError("unreachable")


def _here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
