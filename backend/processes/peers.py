"""How many connections one address may hold open."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Sequence

from labelwheel.backend.networks import Network

_IPV6_HOUSEHOLD = 64
"""Bits that one IPv6 customer has: every address behind them is that customer's."""


class Peers:
    """Counts connections by address; loopback and `trusted` networks may hold as many as there are."""

    def __init__(self, most: int, trusted: Sequence[Network] = ()) -> None:
        self._most, self._trusted = most, trusted
        self._open: Counter[str] = Counter()

    def enter(self, address: str) -> str | None:
        """The name to leave under; None where this address has its share already."""
        name = self._name(address)
        if name and self._open[name] >= self._most:
            return None
        if name:
            self._open[name] += 1
        return name

    def leave(self, name: str) -> None:
        """One connection less."""
        if name:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]

    def _name(self, address: str) -> str:
        """What a connection is counted under; an empty text for those that are not."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:  # a Unix socket
            return ""
        found = getattr(found, "ipv4_mapped", None) or found
        if found.is_loopback or any(found in network for network in self._trusted):
            return ""
        if found.version == 6:
            return str(ipaddress.ip_network((found, _IPV6_HOUSEHOLD), strict=False))
        return str(found)
