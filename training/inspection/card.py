"""What an inspection found, for the card of a checkpoint that leaves the house: nobody's texts, and no single example.

Reports are for those who have the project's texts before them, and show some; an export goes to whoever takes it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from labelwheel.training.inspection.registry import SECTIONS
from labelwheel.training.inspection.subject import Section

log = logging.getLogger(__name__)


def write(found: Mapping[str, Mapping[str, Any] | None]) -> str:
    """Markdown of findings, by the names of their sections; empty where there are none.

    One that this version has no words for, as an older one may have left it, is left out.
    """
    texts = [_said(section, found[section.name] or {}) for section in SECTIONS if section.name in found]
    return "\n\n".join(filter(None, texts))


def _said(section: Section, found: Mapping[str, Any]) -> str:
    try:
        return section.render(without_examples(found)).strip() if found else ""
    except Exception:  # one section's alone
        log.warning("what %s found is left out of the card: it cannot be put in words", section.name, exc_info=True)
        return ""


def without_examples(found: Any) -> Any:
    """The same without what has the `key` of an example, and without lists of `keys`."""
    if isinstance(found, Mapping):
        return {name: [] if name == "keys" else without_examples(value) for name, value in found.items()}
    if isinstance(found, list):
        return [without_examples(one) for one in found if not (isinstance(one, Mapping) and "key" in one)]
    return found
