"""The same text about somebody else: she for he, they for both, a woman's first name for a man's.

English only, and small: words that mean the same but for who is meant. `her` is `his` before a word and `him` where a
clause ends. With `they` the verb stays as it was ("they is"), which a careful reader would not write. Where a question
is about who somebody is, its answer has to change, and a swap says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from labelwheel.training.evaluation.edits import Edit
from labelwheel.training.evaluation.perturbations import Given, Perturbation

MEN = (
    "James", "John", "Robert", "Michael", "William", "David", "Thomas", "Daniel", "Paul", "Mark", "George", "Kevin",
    "Peter", "Adam", "Ahmed", "Mohammed", "Carlos", "Juan", "Ivan", "Wei", "Raj", "Jamal",
)  # fmt: skip
WOMEN = (
    "Mary", "Linda", "Barbara", "Elizabeth", "Jennifer", "Susan", "Sarah", "Karen", "Nancy", "Lisa", "Anna", "Emily",
    "Laura", "Julia", "Fatima", "Aisha", "Maria", "Carmen", "Olga", "Mei", "Priya", "Latoya",
)  # fmt: skip
"""Common first names of several origins, as many of each."""

_SHE = {
    "he": "she", "him": "her", "his": "her", "himself": "herself", "man": "woman", "men": "women", "boy": "girl",
    "boys": "girls", "father": "mother", "son": "daughter", "brother": "sister", "husband": "wife", "mr": "ms",
}  # fmt: skip
_HE = {other: word for word, other in _SHE.items() if other != "her"} | {"hers": "his", "mrs": "mr"}
_THEY = {
    "he": "they", "she": "they", "him": "them", "his": "their", "hers": "theirs", "himself": "themselves",
    "herself": "themselves",
}  # fmt: skip
_WORD = re.compile(r"(?<![\w'’])[A-Za-z]+(?![\w'’])")
_FOLLOWED = re.compile(r" [a-z]")
_NO_NOUN = re.compile(
    r" (?:a|an|the|my|your|his|her|our|their|to|in|on|at|and|or|but|for|with|from|about|if|when|that|this|is|was|will"
    r"|as|by|yesterday|today|now)\b"
)


def _words(words: Mapping[str, str], her: tuple[str, str] | None = None) -> Perturbation:
    def edits(text: str, given: Given) -> list[Edit]:
        found = []
        for match in _WORD.finditer(text):
            word = match[0].lower()
            other = words.get(word)
            if word == "her" and her is not None:
                owns = _FOLLOWED.match(text, match.end()) and not _NO_NOUN.match(text, match.end())
                other = her[0] if owns else her[1]
            if other is not None:
                found.append(Edit(*match.span(), _like(match[0], other)))
        return found

    return edits


def _names(names: tuple[str, ...], others: tuple[str, ...]) -> Perturbation:
    """Each name becomes one other, the same wherever it stands."""

    def edits(text: str, given: Given) -> list[Edit]:
        swapped: dict[str, str] = {}
        found = []
        for match in _WORD.finditer(text):
            if match[0] in names:
                other = swapped.setdefault(match[0], given.draw.choice(others))
                found.append(Edit(*match.span(), other))
        return found

    return edits


def _like(pattern: str, word: str) -> str:
    if pattern.isupper() and len(pattern) > 1:
        return word.upper()
    return word.capitalize() if pattern[0].isupper() else word


ALL: Mapping[str, Perturbation] = {
    "he to she": _words(_SHE),
    "she to he": _words(_HE, ("his", "him")),
    "he or she to they": _words(_THEY, ("their", "them")),
    "men's names to women's": _names(MEN, WOMEN),
    "women's names to men's": _names(WOMEN, MEN),
}
"""One way each: where a model is worse about women, what is lost by one is won by the other."""
