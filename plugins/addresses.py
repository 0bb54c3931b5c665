"""Addresses that people, payloads and labelling tools name: what one may look like, and where one may lead."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from labelwheel.plugins.errors import InvalidAddress

_HOST = re.compile(r"[\w.-]{1,253}|[0-9a-fA-F:.]+")
_PATH = re.compile(r"(?:/[\w~-][\w.~-]*)*/?", re.ASCII)
_UNSEEN = re.compile(r"[\x00-\x20\x7f\\]")
_PORTS = {"http": 80, "https": 443}


class Allowed(NamedTuple):
    """One place where labelling tools may be. None stands for any scheme or port; a host may begin with `*.`."""

    scheme: str | None
    host: str
    port: int | None

    def holds(self, parts: SplitResult) -> bool:
        """Whether an address lies there."""
        host = (parts.hostname or "").lower()
        wild = self.host.startswith("*.") and host.endswith(self.host[1:])
        port = parts.port or _PORTS.get(parts.scheme)
        return (host == self.host or wild) and self.scheme in (None, parts.scheme) and self.port in (None, port)


def checked(url: str) -> str:
    """A base address without the slash at its end.

    Raises InvalidAddress for all that could make a call lead elsewhere than it seems to: another scheme, credentials,
    a query, a fragment, a path with steps up; and for the addresses where clouds tell machines their secrets.
    """
    url = url.strip().rstrip("/")
    parts = _split(url)
    if parts.username is not None or parts.password is not None:
        raise InvalidAddress(f"{shown(url)} must not carry credentials; the api key has a field of its own")
    if "?" in url or "#" in url:
        raise InvalidAddress(f"{shown(url)} must end before the ? or #: give the base address alone")
    if not _HOST.fullmatch(parts.hostname or "") or not _PATH.fullmatch(parts.path):
        raise InvalidAddress(f"{shown(url)} is no base address; one looks like http://host:8080 or https://host/path")
    address = _literal(parts.hostname or "")
    if address is not None and (address.is_link_local or address.is_multicast):
        raise InvalidAddress(f"{shown(url)} is an address at which no labelling tool can be")
    return url


def allow(text: str) -> tuple[Allowed, ...]:
    """What a setting allows: addresses or hosts, separated by commas; raises InvalidAddress for what is neither."""
    return tuple(_allowed(each.strip()) for each in text.split(",") if each.strip())


def check_allowed(url: str, places: Sequence[Allowed]) -> None:
    """Raises InvalidAddress where an address lies in none of the places; with no places, anywhere will do."""
    if places and not any(place.holds(_split(url)) for place in places):
        raise InvalidAddress(
            f"{shown(url)} is not among the addresses that LABELWHEEL_TOOL_ADDRESSES allows: add it there, and restart"
        )


def shown(url: str) -> str:
    """An address as a message may show it: without credentials and query, and not longer than a line."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "what was given"
    start = f"{parts.scheme}://{host}" if parts.scheme and host else host
    return repr(_UNSEEN.sub(" ", f"{start}{parts.path}")[:200]) if start or parts.path else "nothing"


def _allowed(text: str) -> Allowed:
    scheme, given, rest = text.lower().partition("://")
    parts = _split(f"http://{rest if given else text.lower()}", InvalidAddress(f"{text!r:.100} is no address"))
    host = parts.hostname or ""
    plain = host.removeprefix("*.")
    if (given and scheme not in _PORTS) or not _HOST.fullmatch(plain) or parts.path.strip("/") or parts.query:
        raise InvalidAddress(f"{text!r:.100} is no address; one looks like https://host, host:8080 or *.example.org")
    port = parts.port or (_PORTS[scheme] if given else None)
    return Allowed(scheme if given else None, host, port)


def _split(url: str, error: InvalidAddress | None = None) -> SplitResult:
    try:
        parts = urlsplit(url)
        # urlsplit passes over line breaks; what is called would not be what was checked
        fine = (
            not _UNSEEN.search(url)
            and parts.scheme in _PORTS
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        fine = False
    if not fine:
        raise error or InvalidAddress(f"an address must begin with http:// or https:// and a host, not {shown(url)}")
    return parts


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host's name is itself, in any of the ways in which one may be written."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        try:
            return ipaddress.ip_address(socket.inet_aton(host))
        except OSError:
            return None
    return getattr(found, "ipv4_mapped", None) or found
