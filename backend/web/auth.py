"""Who may ask: everybody with the token; without one, this machine alone."""

from __future__ import annotations

import hmac
import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, Request, Response, request
from werkzeug.exceptions import Forbidden

from backend.errors import Unauthorized
from backend.settings import Settings

OPEN_ENDPOINTS = frozenset({"api.progress"})
"""Routes with credentials of their own, beside those that connectors mark so."""

_SAFE = ("GET", "HEAD", "OPTIONS")


def install(app: Flask, settings: Settings) -> None:
    """Checks each request before anything of it is read, /health and /metrics included."""
    token = settings.token.get_secret_value() if settings.token else None
    hosts = _hosts(settings)

    @app.before_request
    def check() -> None:
        _refuse_foreign_pages(request)
        view = app.view_functions.get(request.endpoint or "")
        if request.endpoint in OPEN_ENDPOINTS or getattr(view, "own_credentials", False):
            return
        if token is None:
            _require_this_machine(request, hosts)
        elif not hmac.compare_digest(_presented(request).encode("utf-8", "replace"), token.encode()):
            raise Unauthorized("no credentials, or wrong ones; send the token as a bearer or as the password of Basic")

    @app.after_request
    def challenge(response: Response) -> Response:
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
    name = urlsplit(f"//{request.host}").hostname or ""
    if not is_loopback(name) and name not in hosts:
        raise Forbidden(f"the service does not answer as {name!r:.100}; set LABELWHEEL_PUBLIC_URL or a token")


def _refuse_foreign_pages(request: Request) -> None:
    """A browser sends a page's requests with the credentials it remembers; it also says whose page it is."""
    if request.method in _SAFE:
        return
    origin = request.headers.get("Origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    if foreign or request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise Forbidden("pages of other sites may not change anything here")
