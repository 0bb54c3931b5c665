"""The address at which people find a record in Argilla's pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

WORDS = 12
"""A search for so many finds a record among thousands, and stays a short address."""
LONGEST = 64
"""Longer words, a hash or what has no blanks in it, would make an address that no proxy takes."""
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
"""What Argilla's search takes as it stands: all else there is an operator, a blank, or split in a way of its own."""


def of(url: str, dataset: str, fields: Mapping[str, str], labelled: bool) -> str:
    """The dataset where people annotate, searched for the record's words: Argilla has no address of a single record.

    A record with a label is among those that its annotator submitted, any other among the pending ones.
    """
    place = f"{url.rstrip('/')}/dataset/{quote(dataset)}/annotation-mode"
    found = _words(max(fields.values(), key=len, default=""))
    if not found:
        return place
    search = {"search": f"{'_'.join(found)}~all", "status": "submitted" if labelled else "pending"}
    return f"{place}?{urlencode(search)}"


def _words(text: str) -> list[str]:
    """The first words, those left out that a search might read in another way."""
    apart = (each.strip(".,;:!?()[]{}\"'„“”‚‘’«»…") for each in text.split())
    return [each for each in apart if len(each) <= LONGEST and WORD.fullmatch(each)][:WORDS]
