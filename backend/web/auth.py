"""Who asks: the admin with the token (without one, this machine alone), a reader with the read-only one, a browser in
which one of them signed in, or a tool with its project's secret. What each may do is in `roles`."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, Request, Response, g, request
from pydantic import SecretStr

from labelwheel.backend.errors import Forbidden, Unauthorized
from labelwheel.backend.projects.tool_secrets import PREFIX, Owner
from labelwheel.backend.settings import Settings
from labelwheel.backend.web.roles import Access, Role, permit
from labelwheel.backend.web.sessions import Sessions

_SAFE = ("GET", "HEAD", "OPTIONS")


def install(app: Flask, settings: Settings, owner: Callable[[str], Owner | None], tools: Mapping[str, str]) -> None:
    """Checks each request before anything of it is read, /health and /metrics included.

    `owner` knows whose a tool's secret is, `tools` which tool a blueprint's routes belong to.
    """
    credentials, public = Credentials(settings, owner), _host(settings.public_url or "")[1]

    @app.before_request
    def check() -> None:
        _refuse_foreign_pages(request, public)
        view = app.view_functions.get(request.endpoint or "")
        own = getattr(view, "own_credentials", None)
        if own is not None:
            g.access = Access(Role.SIGNED)
            own(**(request.view_args or {}))
        else:
            g.access = access = credentials.access(request)
            permit(access, request, view, tools)
        g.admitted = True

    @app.after_request
    def challenge(response: Response) -> Response:
        if not g.get("admitted") or response.status_code == Unauthorized.status:
            # a stranger gets one answer, and cannot keep a thread with many that it does not read
            response.headers["Connection"] = "close"
        if response.status_code == Unauthorized.status:
            response.headers["WWW-Authenticate"] = 'Basic realm="labelwheel", charset="UTF-8"'
        return response


class Credentials:
    """What is compared with what a request shows."""

    def __init__(self, settings: Settings, owner: Callable[[str], Owner | None]) -> None:
        self._token, self._read_token = settings.token, settings.read_token
        self._owner, self._hosts, self._sessions = owner, _hosts(settings), Sessions(settings)

    def access(self, request: Request) -> Access:
        """Who asks; raises Unauthorized, and Forbidden for strangers where there is no token."""
        given = _presented(request)
        if given.startswith(PREFIX):
            owner = self._owner(given)
            if owner is None:
                raise Unauthorized("this secret of a labelling tool is not known, or was replaced; connect it again")
            return Access(Role.TOOL, owner)
        role = self.role(given) if given else self._signed_in(request)
        if role is not None:
            return Access(role)
        if self._token is not None:
            raise Unauthorized("no credentials, or wrong ones; send the token as a bearer or as the password of Basic")
        _require_this_machine(request, self._hosts)
        return Access(Role.ADMIN)

    def role(self, given: str) -> Role | None:
        """Whose token a text is; None where it is nobody's."""
        admin, reader = _same(given, self._token), _same(given, self._read_token)
        return Role.ADMIN if admin else Role.READER if reader else None

    def _signed_in(self, request: Request) -> Role | None:
        role = self._sessions.role(request)
        if role is not None and request.method not in _SAFE and "Origin" not in request.headers:
            # a browser sends the cookie by itself, and with it says whose page pressed the button
            raise Forbidden("a session changes something from its own pages alone; programs send the token instead")
        return role


def bearer(request: Request) -> str:
    """The bearer token of a request, or an empty text."""
    given = request.authorization
    return (given.token or "") if given is not None and given.type == "bearer" else ""


@lru_cache(maxsize=256)
def is_loopback(host: str | None) -> bool:
    """Whether an address or a host's name means this machine."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _presented(request: Request) -> str:
    given = request.authorization
    if given is None:
        return ""
    return bearer(request) or given.get("password") or ""


def _same(given: str, wanted: SecretStr | None) -> bool:
    """Takes as long for a wrong text as for the right one."""
    return wanted is not None and hmac.compare_digest(
        given.encode("utf-8", "replace"), wanted.get_secret_value().encode()
    )


def _hosts(settings: Settings) -> set[str]:
    urls = filter(None, (settings.url, settings.public_url))
    return {urlsplit(url).hostname or "" for url in urls} - {""}


def _require_this_machine(request: Request, hosts: set[str]) -> None:
    if not is_loopback(request.remote_addr) or "X-Forwarded-For" in request.headers:
        raise Forbidden("only this machine may ask while no LABELWHEEL_TOKEN is set")
    # a page of a stranger can make its own name point to 127.0.0.1, but not change the name it asks for
    name = _host(f"//{request.host}")[0]
    if not is_loopback(name) and name not in hosts:
        raise Forbidden(f"the service does not answer as {name!r:.100}; set LABELWHEEL_PUBLIC_URL or a token")


def _refuse_foreign_pages(request: Request, public: str) -> None:
    """A browser sends a page's requests with the credentials it remembers; it also says whose page it is."""
    if request.method in _SAFE:
        return
    origin = request.headers.get("Origin")
    # a proxy may ask by another name than the browser did, which knows the service by its public one
    foreign = origin is not None and _host(origin)[1] not in {request.host, public} - {""}
    if foreign or request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise Forbidden("pages of other sites may not change anything here")


def _host(url: str) -> tuple[str, str]:
    """A URL's host without and with its port; neither of what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:  # such as http://[
        return "", ""
    return parts.hostname or "", parts.netloc
