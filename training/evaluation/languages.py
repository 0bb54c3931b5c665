"""Which languages a project's texts are in, by py3langid, which loads its model without pickle.

A short text is like those of many languages, so that what is not sure is asked twice: among all languages, and then
among those of the project, which the sure texts tell. Where both times say the same, and the second is sure, that is
its language; else it is unknown. Where nearly all sure texts are of one language there is nothing to compare, and
nothing is said.
"""

from __future__ import annotations

import copy
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

UNKNOWN, OTHER = "unknown", "other"
SURE = 0.8
"""The confidence from which on a text has a language."""

LETTERS = 10
"""Bytes of letters, in UTF-8, that a text must have: ten Latin letters, five Cyrillic ones, four Chinese ones."""

SHARE, FEW = 0.05, 10
"""Of the sure texts, and how many, that a language must have; others are one, `OTHER`."""

MOST = 2000
"""Characters of a text that are looked at."""

_CODE = re.compile(r"[a-z]{2,3}")
_NO_WORDS = re.compile(r"https?://\S+|www\.\S+|@\w+")
_NO_LANGUAGE = "zxx"


def is_value(value: str) -> bool:
    """Whether a text's language can be called so: a code of ISO 639, such as `de`, or one of ours."""
    return value in (UNKNOWN, OTHER) or bool(_CODE.fullmatch(value))


def of(texts: Sequence[str]) -> list[str] | None:
    """The language of each text as a code of ISO 639, `OTHER` or `UNKNOWN`; None where there are not two to compare."""
    if len(texts) < 2 * FEW:
        return None
    known = _identifier()
    words = [_NO_WORDS.sub(" ", text[:MOST]) for text in texts]
    found = [_guess(known, each) for each in words]
    counts = Counter(each.language for each in found if each.confidence >= SURE)
    sure = counts.total()
    least = max(FEW, SHARE * sure)
    kept = {language for language, count in counts.items() if count >= least}
    if not kept or sure - max(counts.values()) < least:
        return None
    ours = copy.copy(known)  # what it is restricted to is its own, the model is shared
    ours.set_languages(sorted(kept))
    return [_name(each, text, ours, kept) for each, text in zip(found, words, strict=True)]


class _Guess(NamedTuple):
    language: str
    confidence: float


_NOTHING = _Guess("", 0.0)


def _guess(known: LanguageIdentifier, text: str) -> _Guess:
    letters = "".join(each for each in text if unicodedata.category(each)[0] in "LM")
    if len(letters.encode(errors="replace")) < LETTERS:
        return _NOTHING
    found = _Guess(*known.classify(text))
    return found if found.language != _NO_LANGUAGE else _NOTHING


def _name(first: _Guess, text: str, ours: LanguageIdentifier, kept: set[str]) -> str:
    if first.confidence >= SURE:
        return first.language if first.language in kept else OTHER
    # of a single language it would be sure of anything
    second = _guess(ours, text) if first.language in kept and len(kept) > 1 else _NOTHING
    return first.language if second.language == first.language and second.confidence >= SURE else UNKNOWN


@cache
def _identifier() -> LanguageIdentifier:
    # half a second and 80 MB, which processes that only read settings do without
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
