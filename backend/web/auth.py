"""Who may ask: everybody with the token; without one, this machine alone."""

from __future__ import annotations

import hmac
import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, Request, Response, g, request
from werkzeug.exceptions import Forbidden

from backend.errors import Unauthorized
from backend.settings import Settings

_SAFE = ("GET", "HEAD", "OPTIONS")


def install(app: Flask, settings: Settings) -> None:
    """Checks each request before anything of it is read, /health and /metrics included."""
    token = settings.token.get_secret_value() if settings.token else None
    hosts = _hosts(settings)

    @app.before_request
    def check() -> None:
        _refuse_foreign_pages(request)
        own = getattr(app.view_functions.get(request.endpoint or ""), "own_credentials", None)
        if own is not None:
            own(**(request.view_args or {}))
        elif token is None:
            _require_this_machine(request, hosts)
        elif not hmac.compare_digest(_presented(request).encode("utf-8", "replace"), token.encode()):
            raise Unauthorized("no credentials, or wrong ones; send the token as a bearer or as the password of Basic")
        g.admitted = True

    @app.after_request
    def challenge(response: Response) -> Response:
        if not g.get("admitted") or response.status_code == Unauthorized.status:
            # a stranger gets one answer, and cannot keep a thread with many that it does not read
            response.headers["Connection"] = "close"
        if response.status_code == Unauthorized.status:
            response.headers["WWW-Authenticate"] = 'Basic realm="labelwheel", charset="UTF-8"'
        return response


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


def _refuse_foreign_pages(request: Request) -> None:
    """A browser sends a page's requests with the credentials it remembers; it also says whose page it is."""
    if request.method in _SAFE:
        return
    origin = request.headers.get("Origin")
    foreign = origin is not None and _host(origin)[1] != request.host
    if foreign or request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise Forbidden("pages of other sites may not change anything here")


def _host(url: str) -> tuple[str, str]:
    """A URL's host without and with its port; neither of what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:  # such as http://[
        return "", ""
    return parts.hostname or "", parts.netloc
