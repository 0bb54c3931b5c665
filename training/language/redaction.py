"""What the operator has texts go through before they are sent: a function of a text, brought by an entry point.

It is trusted code of the operator's. Where it raises, or gives back what is no text, nothing of that text is sent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache

from labelwheel.training import entry_points
from labelwheel.training.errors import BrokenPlugin, RedactionFailed

logger = logging.getLogger(__name__)

GROUP = "labelwheel.redactions"

Redaction = Callable[[str], str]


@lru_cache(maxsize=4)
def of(name: str) -> Redaction:
    """The one of an entry point, or none at all for no name; it raises RedactionFailed. Raises BrokenPlugin."""
    if not name:
        return str
    there = {entry.name: entry for entry in entry_points.installed(GROUP)}
    if name not in there:
        known = ", ".join(there) or "none is"
        raise BrokenPlugin(f"no redaction {name!r} is installed ({known}); see LABELWHEEL_LLM_REDACTION")
    found = entry_points.load(there[name])
    check(found)

    def redact(text: str) -> str:
        try:
            said = found(text)
        except (Exception, SystemExit) as error:
            # not what it says: that may be the text
            raise RedactionFailed(
                f"the redaction {name} raised {type(error).__name__}; the text was not sent"
            ) from None
        if not isinstance(said, str):
            raise RedactionFailed(f"the redaction {name} gave {type(said).__name__}, not a text; nothing was sent")
        return said

    return redact


def check(found: object) -> None:
    """Raises BrokenPlugin where it cannot be called."""
    if not callable(found):
        raise BrokenPlugin(f"{found!r:.100} is no redaction: it has to be callable with a text")
