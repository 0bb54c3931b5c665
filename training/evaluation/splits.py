"""What the split for life knows of a text: its exact name, and a signature that finds its near-duplicates.

Texts that differ by case, spacing, punctuation, digits or a few characters are near-duplicates, found by MinHash over
character shingles (Broder 1997, "On the resemblance and containment of documents") with banded locality-sensitive
hashing (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3). `families` makes groups of them.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np

from labelwheel.training.spec import Part

NEAR = 0.8
"""Texts of at least this (estimated) Jaccard similarity of their shingles are near-duplicates."""

HELD_OUT_SHARE = 0.2

_SHINGLE = 5
_PERMUTATIONS = 64
_BANDS = 10  # of 4 values each: a pair at the threshold shares a band with probability 0.995, one at 0.9 with 0.99998
_BAND_VALUES = 4
_KEY_BYTES = 16
_APOSTROPHES = "'’ʼ`"
_NUMBER = re.compile(r"(?:(?<![^\W_])[-−–](?=\d))?\d(?:[-–.,:/]?\d)*")


def _same(value: int) -> int:
    return value


@cache
def _blank() -> Any:
    from datasketch import MinHash  # brings SciPy's integrals, for which no command and no web process should wait

    # The scheme and the seed are part of every stored sketch: changing one moves texts across the split.
    return MinHash(_PERMUTATIONS, seed=1, scheme="affine32", hashfunc=_same)


@dataclass(frozen=True)
class Signature:
    """What near-duplicates of a text are found by: 16 bytes of hash of the normalised text, 64 × 4 bytes of MinHash."""

    digest: bytes
    values: bytes

    @property
    def key(self) -> str:
        """Equal for texts that are the same once normalised."""
        return self.digest.hex()

    @cached_property
    def sketch(self) -> bytes:
        """What is stored to compare with: each value's lowest byte (Li and König 2010, "b-bit minwise hashing")."""
        return self.values[::4]

    @cached_property
    def bands(self) -> tuple[int, ...]:
        """Near-duplicates share at least one of these ten 32-bit numbers: candidates are looked up by equality."""
        width = 4 * _BAND_VALUES
        chunks = (self.values[index * width : (index + 1) * width] for index in range(_BANDS))
        return tuple(
            int.from_bytes(hashlib.blake2b(bytes([index]) + chunk, digest_size=4).digest(), "big", signed=True)
            for index, chunk in enumerate(chunks)
        )


class Text:
    """One text as the split sees it. A signature takes up to a millisecond, so it is made when somebody asks for it."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def key(self) -> str:
        """Equal for texts that differ by case, spacing and punctuation at most: unlike a signature's, by no number."""
        encoded = b"exact\0" + exact(self._text).encode("utf-8", "surrogatepass")  # never the name of a signature
        return hashlib.sha256(encoded).digest()[:_KEY_BYTES].hex()

    @cached_property
    def signature(self) -> Signature:
        """What finds texts that are like it."""
        return signature(self._text)

    @cached_property
    def is_numeric(self) -> bool:
        """Whether it says little but numbers, so that another number makes it another text."""
        characters = [character for character in self._text if character.isalnum()]
        return bool(characters) and 2 * sum(character.isdecimal() for character in characters) >= len(characters)

    @cached_property
    def group(self) -> str:
        """The name of the group that it opens where nothing is like it: the signature's key, without a signature."""
        return self.key if self.is_numeric else _digest(normalise(self._text)).hex()

    def __str__(self) -> str:
        return self._text


class Placement(NamedTuple):
    """Where an example belongs, for life. Each group has one part."""

    group: str
    part: Part


def normalise(text: str) -> str:
    """What near-duplicates are compared by: NFKC, case-folded, digits as 0, no punctuation, single spaces."""
    folded = _fold(text)
    plain = " ".join(folded.translate(_PLAIN).split())
    # a text of punctuation alone is still a text of its own
    return plain or " ".join(folded.split())


def exact(text: str) -> str:
    """What two texts have to share to be the same: as `normalise`, but with their numbers, signs and points."""
    folded, pieces, end = _fold(text), [], 0
    for number in _NUMBER.finditer(folded):
        pieces += [folded[end : number.start()].translate(_PLAIN), number.group()]
        end = number.end()
    pieces.append(folded[end:].translate(_PLAIN))
    return " ".join("".join(pieces).split()) or " ".join(folded.split())


def signature(text: str) -> Signature:
    """The signature of a text."""
    plain = normalise(text)
    shingles = {plain[start : start + _SHINGLE] for start in range(max(1, len(plain) - _SHINGLE + 1))}
    sha1 = hashlib.sha1  # datasketch's own hash, but all shingles at once
    hashes = b"".join([sha1(each.encode("utf-8", "surrogatepass")).digest()[:4] for each in shingles])
    sketch = _blank().copy()
    sketch.update_batch(np.frombuffer(hashes, "<u4").tolist())
    values = np.asarray(sketch.hashvalues).astype("<u4").tobytes()
    return Signature(_digest(plain), values)


def _digest(plain: str) -> bytes:
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()[:_KEY_BYTES]


def similarity(a: Signature, b: Signature) -> float:
    """The estimated Jaccard similarity in [0, 1], with a standard error of about 0.05; 1 where the key is the same."""
    return 1.0 if a.digest == b.digest else float(similarities(a.sketch, [b.sketch])[0])


def similarities(sketch: bytes, others: Sequence[bytes]) -> np.ndarray:
    """The estimated Jaccard similarities of a text to others: (others,)."""
    table = np.frombuffer(b"".join(others), np.uint8).reshape(len(others), _PERMUTATIONS)
    return (table == np.frombuffer(sketch, np.uint8)).mean(1)


def side(group: str, *, salt: str = "", share: float = HELD_OUT_SHARE) -> Part:
    """The part of a new group: a hash of its name, so that it is the same on every machine and in every round."""
    return Part.HELD_OUT if _drawn(group, salt) < share else Part.TRAIN


def blind_lot(group: str, *, salt: str = "") -> float:
    """Where a group's held-out examples stand in line to be blind, from 0 to `HELD_OUT_SHARE`: those below a share are.

    Of all examples, so many come to be held out with a lower one. A group that was renamed after it was held out may be
    one that its hash would not hold out: it is spread over the same range.
    """
    drawn = _drawn(group, salt)
    if drawn < HELD_OUT_SHARE:
        return drawn
    return (drawn - HELD_OUT_SHARE) / (1 - HELD_OUT_SHARE) * HELD_OUT_SHARE


def _drawn(group: str, salt: str) -> float:
    return int.from_bytes(hashlib.sha256(f"{salt}\0{group}".encode()).digest()[:8], "big") / 2**64


def agreed(found: Iterable[Placement]) -> Placement | None:
    """Where all texts of an example belong together: apart, where they do not."""
    found = list(found)
    if len({each.part for each in found}) > 1:
        return next((each for each in found if each.part is Part.APART), None) or apart(found[0].group)
    return found[0] if found else None


def apart(group: str) -> Placement:
    """A group that can neither train nor be measured on."""
    return Placement(f"apart-{group}"[:64], Part.APART)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


class _Plain(dict[int, str]):
    """A table for `str.translate` that fills itself."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        plain = " " if category[0] == "P" else "0" if category == "Nd" else character
        self[code] = "" if character in _APOSTROPHES else plain
        return self[code]


_PLAIN = _Plain()
