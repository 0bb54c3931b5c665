"""How much of a configuration is read; what is larger is named as not learnt instead of being computed with."""

from __future__ import annotations

import re

MOST_OPTIONS = 10_000
MOST_STEPS = 100
"""Steps of a rating: each is a class of its own to a learner."""
MOST_LEVELS = 32
"""How deep options may stand within each other."""
LONGEST_OPTION = 1_000
LONGEST_NAME = 255
"""What the ledger keeps as a question's name."""
MOST_CHARACTERS = 2_000_000
"""Of all the options of one question together, each with its path."""

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Half characters and zero bytes, which neither databases nor tokenizers take; one stand-in each keeps the offsets."""


class NotLearntError(Exception):
    """Why one question of a project is not learnt, in words for people; never leaves the reading of a configuration."""


def clean(text: str) -> str:
    """The text with what cannot be stored replaced, code point for code point."""
    return UNSTORABLE.sub("\ufffd", text)


def check_name(name: str) -> None:
    """Raises NotLearntError where the ledger could not keep a question of this name."""
    if len(name) > LONGEST_NAME:
        raise NotLearntError(f"its name has {len(name)} characters; {LONGEST_NAME} are the most: give it a shorter one")
    if not name or UNSTORABLE.search(name):
        raise NotLearntError("it has no name that can be stored: give it one of letters")


def refused_option(value: str) -> str | None:
    """Why an option is left out; None where nothing is wrong with it."""
    if not value:
        return "an option has no value"
    if len(value) > LONGEST_OPTION:
        return f"an option has {len(value)} characters; {LONGEST_OPTION} are the most"
    if UNSTORABLE.search(value):
        return f"{clean(value)[:80]!r} has characters that cannot be stored"
    return None


def why(error: Exception) -> str:
    """The reason that people are told why a question is not learnt; of what nobody foresaw, the log has the rest."""
    return in_words(error) if isinstance(error, NotLearntError) else f"it cannot be read ({type(error).__name__})"


def in_words(error: Exception) -> str:
    """One line for people out of any error, a validation's too."""
    errors = getattr(error, "errors", None)
    text = str(errors()[0]["msg"]) if callable(errors) else str(error)
    return text.removeprefix("Value error, ").partition("\n")[0][:300] or type(error).__name__
