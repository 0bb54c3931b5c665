"""Families of near-duplicates, and the split for life: an example that is held out once is held out for ever.

A family is on one side of the split only, decided when its first text arrives by a hash, so that neither the order of
later texts nor the machine matters. Its first texts stand for it: what comes later is compared with these
representatives alone, and with so few of them that a page among a hundred thousand texts, all of one template or not,
costs the same as a page among a thousand.

A family that has grown beyond its share (lines of one template, readings of one meter) is no set of copies: it is cut.
From then on each text that is not the very same, numbers and all, is a group of its own on a side of its own. What is
placed stays on its side for life; only its group's name becomes finer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from labelwheel.training.evaluation.splits import (
    HELD_OUT_SHARE,
    NEAR,
    Placement,
    Text,
    agreed,
    apart,
    side,
    similarities,
)
from labelwheel.training.spec import Part

FAMILY = 10
"""A family of so many distinct texts, or fewer, is never cut …"""

FAMILY_SHARE = 0.05
"""… nor one that has no larger share than this of all texts, which is a quarter of what is held out."""

REPRESENTATIVES = 16
"""So many texts stand for a family at most."""

CROWD = 16
"""A band that so many representatives have tells them apart no more: later ones are not listed under it."""


class Representative(NamedTuple):
    """A text that stands for its group."""

    placement: Placement
    sketch: bytes


@dataclass
class Family:
    """How many distinct texts a group has, and how many of them stand for it; `cut` where it is too large."""

    texts: int = 1
    representatives: int = 1
    cut: bool = False


class Near(NamedTuple):
    """A representative, by number, and how similar it is to some text."""

    similarity: float
    number: int


class Families:
    """The texts that are known, in memory: all of them, or those that may matter for a page.

    `total` is how many distinct texts there are in all. What `place` and `remember` add is kept in `new_texts`,
    `new_representatives` (with the bands they are listed under) and `cut` (with a text of each), to be stored.
    """

    def __init__(self, salt: str = "", share: float = HELD_OUT_SHARE, total: int = 0) -> None:
        self._salt, self._share, self.total = salt, share, total
        self.texts: dict[str, Placement] = {}
        self.families: dict[str, Family] = {}
        self.representatives: dict[int, Representative] = {}
        self.crowds: dict[int, int] = defaultdict(int)
        self.found: dict[str, Sequence[Near]] = {}
        self.new_texts: dict[str, Placement] = {}
        self.new_representatives: dict[int, tuple[int, ...]] = {}
        self.cut: dict[str, str] = {}
        self._bands: dict[int, list[int]] = defaultdict(list)

    def admit(self, number: int, representative: Representative, bands: Iterable[int] = ()) -> None:
        """Makes a representative known; without bands it is met only where `found` names it."""
        self.representatives[number] = representative
        for band in bands:
            self._bands[band].append(number)

    def place(self, texts: Sequence[Text], before: Placement | None = None) -> Placement:
        """Where an example of these texts belongs; remembers them.

        `before` is where it was until its text changed: it stays there, or is set apart.
        """
        found = agreed([each for text in texts if (each := self._one(text)) is not None])
        if found is None and before is not None and before.part is not Part.APART:
            found = before
        if found is None:
            found = self._drawn(texts[0].group)
        for text in texts:
            self.remember(text, found)
        found = self.settled(texts[0], found)
        return found if before is None or found.part == before.part else Placement(before.group, Part.APART)

    def settled(self, text: Text, placement: Placement) -> Placement:
        """Where a text is now, that was placed before some groups were cut."""
        return Placement(text.key, placement.part) if placement.group in self.cut else placement

    def remember(self, text: Text, placement: Placement) -> None:
        """Notes where a text is, unless it is somewhere already."""
        if text.key in self.texts:
            return
        self.total += 1
        self._note(text.key, placement)
        if text.is_numeric or placement.group == text.key:
            return
        family = self.families.setdefault(placement.group, Family(0, 0))
        family.texts += 1
        if family.texts > max(FAMILY, FAMILY_SHARE * self.total) and not family.cut:
            self._cut(placement.group, text)
        self._represent(text, placement, family)

    def near(self, text: Text) -> list[Near]:
        """The representatives that a text is a near-duplicate of, the nearest first."""
        own = text.signature
        numbers = sorted({number for band in own.bands for number in self._bands[band]})
        found = set(self.found.get(text.key, ()))
        if numbers:
            alike = similarities(own.sketch, [self.representatives[number].sketch for number in numbers])
            found |= {Near(float(value), number) for value, number in zip(alike, numbers, strict=True) if value >= NEAR}
        return sorted(found, key=lambda near: (-near.similarity, near.number))

    def is_cut(self, group: str) -> bool:
        """Whether a group was too large to stay one."""
        return group in self.families and self.families[group].cut

    def _one(self, text: Text) -> Placement | None:
        """Where one text belongs; None where nothing is like it."""
        if text.key in self.texts:
            return self.texts[text.key]
        near = [] if text.is_numeric else [self.representatives[each.number].placement for each in self.near(text)]
        if not near:
            return None
        if self.is_cut(near[0].group):
            return self._drawn(text.key)
        whole = [placement for placement in near if not self.is_cut(placement.group)]
        sides = {placement.part for placement in whole if placement.part is not Part.APART}
        if len(sides) > 1:
            return apart(text.signature.key)
        return next((placement for placement in whole if placement.part in sides), whole[0])

    def _drawn(self, group: str) -> Placement:
        # a project of one text still has something to learn
        part = side(group, salt=self._salt, share=self._share) if self.total else Part.TRAIN
        return Placement(group, part)

    def _note(self, key: str, placement: Placement) -> None:
        self.texts[key] = self.new_texts[key] = placement

    def _cut(self, group: str, text: Text) -> None:
        self.families[group].cut = True
        self.cut[group] = str(text)
        for key, placement in self.texts.items():
            if placement.group == group:
                self._note(key, Placement(key, placement.part))

    def _represent(self, text: Text, placement: Placement, family: Family) -> None:
        if family.representatives >= REPRESENTATIVES:
            return
        own = text.signature
        standing = (self.representatives[each.number] for each in self.near(text) if each.similarity == 1.0)
        if any(each.placement.group == placement.group for each in standing):
            return
        family.representatives += 1
        # below those that are stored, which have numbers of the database's own
        number = -1 - len(self.new_representatives)
        listed = tuple(band for band in own.bands if self.crowds[band] < CROWD)
        for band in listed:
            self.crowds[band] += 1
        self.new_representatives[number] = listed
        self.admit(number, Representative(placement, own.sketch), listed)


def split(texts: Sequence[str], *, salt: str = "", share: float = HELD_OUT_SHARE) -> list[Placement]:
    """Places texts one after another, in memory; on which sides the first n are never depends on later texts."""
    families = Families(salt, share)
    signed = [Text(text) for text in texts]
    for text in signed:
        families.place([text])
    return [families.texts[text.key] for text in signed]
