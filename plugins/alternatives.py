"""What there is in the tool, for a message that says that the name that was asked for is not."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

SHOWN = 20


def alternatives(name: str, there: Sequence[tuple[str, str]]) -> str:
    """At most 20 of what is `there`, (its name, how it is shown), those named most like `name` first; how many more.

    Whoever mistyped one of a hundred names reads the one that was meant.
    """
    alike = difflib.get_close_matches(name.casefold(), {each.casefold() for each, _ in there}, n=5)
    rank = {each: place for place, each in enumerate(alike)}
    ordered = sorted(there, key=lambda each: rank.get(each[0].casefold(), len(alike)))
    more = f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    return (", ".join(shown for _, shown in ordered[:SHOWN]) or "none") + more
