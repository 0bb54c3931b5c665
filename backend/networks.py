"""Addresses and networks as people write them in a setting."""

from __future__ import annotations

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks, separated by commas; raises ValueError for what is neither."""
    found: list[Network] = []
    for each in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ipaddress.ip_network(each, strict=False))
        except ValueError:
            raise ValueError(f"{each!r:.60} is no address or network, such as 10.0.0.7 or 10.0.0.0/24") from None
    return tuple(found)
