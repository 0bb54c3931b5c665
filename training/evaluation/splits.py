"""Near-duplicate groups, and the split for life: an example that is held out once is held out for ever.

Texts that differ by case, spacing, punctuation, digits or a few characters form one group, found by MinHash over
character shingles (Broder 1997, "On the resemblance and containment of documents") with banded locality-sensitive
hashing (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3). A group is on one side of the split
only, decided when its first text arrives by a hash, so that neither the order of later texts nor the machine matters.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from datasketch import MinHash

from training.spec import Part

NEAR = 0.8
"""Texts of at least this (estimated) Jaccard similarity of their shingles are near-duplicates."""

HELD_OUT_SHARE = 0.2

_SHINGLE = 5
_PERMUTATIONS = 64
_BANDS = 16  # of 4 values each: a pair at the threshold shares a band with probability 0.9998
_KEY_BYTES = 16
_APOSTROPHES = "'’ʼ`"
# The scheme and the seed are part of every stored signature: changing one moves texts across the split.
_BLANK = MinHash(_PERMUTATIONS, seed=1, scheme="affine32")


@dataclass(frozen=True)
class Signature:
    """What is stored about a text to find its near-duplicates: 16 bytes of exact key, 64 × 4 bytes of MinHash."""

    digest: bytes
    values: bytes

    @property
    def key(self) -> str:
        """Equal for texts that are the same once normalised."""
        return self.digest.hex()

    @cached_property
    def bands(self) -> tuple[str, ...]:
        """Near-duplicates share at least one of these 16 short strings: candidates are looked up by equality."""
        width = len(self.values) // _BANDS
        chunks = (self.values[index * width : (index + 1) * width] for index in range(_BANDS))
        return tuple(
            f"{index:x}{hashlib.blake2b(chunk, digest_size=6).hexdigest()}" for index, chunk in enumerate(chunks)
        )

    def pack(self) -> bytes:
        """272 bytes, the same on every platform."""
        return self.digest + self.values

    @classmethod
    def unpack(cls, packed: bytes) -> Signature:
        """The inverse of `pack`; raises ValueError for bytes of another length."""
        if len(packed) != _KEY_BYTES + 4 * _PERMUTATIONS:
            raise ValueError(f"a signature has {_KEY_BYTES + 4 * _PERMUTATIONS} bytes, not {len(packed)}")
        return cls(packed[:_KEY_BYTES], packed[_KEY_BYTES:])


class Neighbour(NamedTuple):
    """An example that was placed before; any that shares a band with the new one belongs in the list."""

    group: str
    part: Part
    signature: Signature


class Placement(NamedTuple):
    """Where an example belongs, for life. Each group has one part."""

    group: str
    part: Part


def normalise(text: str) -> str:
    """What near-duplicates are compared by: NFKC, case-folded, digits as 0, no punctuation, single spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    plain = " ".join("".join(map(_plain, folded)).split())
    # a text of punctuation alone is still a text of its own
    return plain or " ".join(folded.split())


def signature(text: str) -> Signature:
    """The signature of a text."""
    plain = normalise(text)
    encoded = plain.encode("utf-8", "surrogatepass")
    shingles = {plain[start : start + _SHINGLE] for start in range(max(1, len(plain) - _SHINGLE + 1))}
    sketch = _BLANK.copy()
    sketch.update_batch([shingle.encode("utf-8", "surrogatepass") for shingle in shingles])
    values = np.asarray(sketch.hashvalues).astype("<u4").tobytes()
    return Signature(hashlib.sha256(encoded).digest()[:_KEY_BYTES], values)


def similarity(a: Signature, b: Signature) -> float:
    """The estimated Jaccard similarity in [0, 1], with a standard error of about 0.05; 1 where the key is the same."""
    if a.digest == b.digest:
        return 1.0
    return float(np.mean(np.frombuffer(a.values, "<u4") == np.frombuffer(b.values, "<u4")))


def place(
    signature: Signature,
    neighbours: Iterable[tuple[str, Part, Signature]],
    *,
    salt: str = "",
    share: float = HELD_OUT_SHARE,
) -> Placement:
    """The group and part of a new example: those of its nearest near-duplicate, or a group of its own.

    Near to both sides, it can serve neither: it opens a group that is apart. `salt` is the project's own.
    """
    near = [(similarity(signature, other), group, part) for group, part, other in neighbours]
    near = sorted((item for item in near if item[0] >= NEAR), key=lambda item: (-item[0], item[1]))
    sides = {part for _, _, part in near if part is not Part.APART}
    if len(sides) > 1:
        return Placement(f"apart-{signature.key}", Part.APART)
    for _, group, part in near:
        if part in sides or not sides:
            return Placement(group, part)
    return Placement(signature.key, side(signature.key, salt=salt, share=share))


def side(group: str, *, salt: str = "", share: float = HELD_OUT_SHARE) -> Part:
    """The part of a new group: a hash of its name, so that it is the same on every machine and in every round."""
    drawn = int.from_bytes(hashlib.sha256(f"{salt}\0{group}".encode()).digest()[:8], "big") / 2**64
    return Part.HELD_OUT if drawn < share else Part.TRAIN


def split(texts: Sequence[str], *, salt: str = "", share: float = HELD_OUT_SHARE) -> list[Placement]:
    """Places texts one after another, in memory; the first n placements never depend on later texts."""
    placed: list[Neighbour] = []
    index: dict[str, list[int]] = defaultdict(list)
    for text in texts:
        own = signature(text)
        found = sorted({number for band in own.bands for number in index[band]})
        placement = place(own, (placed[number] for number in found), salt=salt, share=share)
        for band in own.bands:
            index[band].append(len(placed))
        placed.append(Neighbour(*placement, own))
    return [Placement(item.group, item.part) for item in placed]


def _plain(character: str) -> str:
    if character in _APOSTROPHES:
        return ""
    category = unicodedata.category(character)
    if category[0] == "P":
        return " "
    return "0" if category == "Nd" else character
