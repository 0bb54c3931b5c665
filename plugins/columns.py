"""What a labelling tool has of an example beside its texts, as far as slices can be named by it: short single values.

A connector hands on all of them but what we write there ourselves; the ledger keeps those alone that somebody names in
a setting.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from labelwheel.plugins.limits import LONGEST_NAME, clean

LONGEST = 100
"""A longer value is a text rather than a group to be in."""

OURS = "labelwheel_"
"""What we write into a tool's metadata is called by such a name."""

_LARGEST = 10**15


def columns(values: Any, without: Collection[str] = ()) -> dict[str, str]:
    """The values that are a short text, a number or true or false, as text; anything else is left out."""
    if not isinstance(values, Mapping):
        return {}
    told = {name: _text(value) for name, value in values.items() if name not in without and not name.startswith(OURS)}
    return {clean(name): text for name, text in told.items() if 0 < len(name) <= LONGEST_NAME and text}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        if not -_LARGEST < value < _LARGEST:  # nor is it where it is no number at all
            return ""
        # a whole number reads alike whichever type the tool made of it
        return str(int(value)) if value == int(value) else str(value)
    text = value.strip() if isinstance(value, str) else ""
    return clean(text) if len(text) <= LONGEST else ""
