"""What an answer copied from its text, and where the same stands in another text.

A frame is the words around a place, such as `name [` and `]`: which frames there are is learnt from answered texts, as
those whose content differs from text to text and is mostly found in the answer again. A frame says nothing of a text
where it stands twice, or nowhere: then the place is not known for sure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import regex  # type: ignore[import-untyped]

WORDS = 8
"""So many words at most stand in a frame."""
LEFT = 3
"""So many words at most are before it; one is behind it."""
LEAST, COPIED = 3, 0.6
"""In so many texts at least a frame has content, and of so many of those the answer has it again."""
MOST = 200
"""Frames of one question."""
READ = 1_000
"""Words of a text at most: further on no encoder has read it either."""
LEARNT_FROM = 500
"""Answered texts that frames are learnt from: more tell nothing new."""

_WORD = regex.compile(r"\n|\w+|[^\w\s]")
_EDGE, _CUT = "", "\n\n"


class Frame(NamedTuple):
    """The words before a place, and the one behind it; an empty one is where the text begins or ends."""

    left: tuple[str, ...]
    right: str


class Slot(NamedTuple):
    """The number of a frame, and what stands in it."""

    frame: int
    content: str


class Words:
    """A text as words with their places, and an empty one at either end."""

    def __init__(self, text: str) -> None:
        found = list(islice(_WORD.finditer(text), READ + 1))
        end = _EDGE if len(found) <= READ else _CUT
        found = found[:READ]
        self.text = text
        self.words = [_EDGE, *(match.group() for match in found), end]
        self.ranges = [(0, 0), *(match.span() for match in found), (len(text), len(text))]
        self.places: dict[str, list[int]] = defaultdict(list)
        for place, word in enumerate(self.words):
            self.places[word].append(place)

    def within(self, frame: Frame) -> tuple[int, int] | None:
        """The words that stand in a frame, from the first to behind the last; None where that is not known for sure."""
        size = len(frame.left)
        ends = [
            place + 1 for place in self.places.get(frame.left[-1], ())
            if place + 1 >= size and tuple(self.words[place + 1 - size : place + 1]) == frame.left
        ]  # fmt: skip
        if len(ends) != 1:
            return None
        start = ends[0]
        for place in range(start, min(start + WORDS + 1, len(self.words))):
            if self.words[place] == frame.right:
                return (start, place) if place > start else None
            if self.words[place] in ("\n", _EDGE, _CUT):
                return None
        return None

    def content(self, within: tuple[int, int]) -> str:
        """The part of the text that some words are."""
        return self.text[self.ranges[within[0]][0] : self.ranges[within[1] - 1][1]]


def learn(texts: Sequence[str], answers: Sequence[str]) -> list[Frame]:
    """The frames of some texts, those that the most answers copied from first."""
    read = [Words(text) for text in texts[-LEARNT_FROM:]]
    said = answers[-LEARNT_FROM:]
    seen: Counter[Frame] = Counter()
    for text, answer in zip(read, said, strict=True):
        seen.update(set(_around(text, Words(answer))))
    found: list[tuple[float, int, Frame]] = []
    for frame, count in seen.most_common(4 * MOST):
        if count < 2:
            break
        contents, copied = set[str](), 0
        there = [(text.content(place), answer) for text, answer in zip(read, said, strict=True)
                 if (place := text.within(frame)) is not None]  # fmt: skip
        for content, answer in there:
            contents.add(content)
            copied += mentions(answer, content)
        if len(there) >= LEAST and len(contents) > 1 and copied >= COPIED * len(there):
            found.append((copied, -len(frame.left), frame))
    return [frame for _, _, frame in sorted(found, key=lambda each: each[:2], reverse=True)[:MOST]]


def slots(text: Words, frames: Sequence[Frame]) -> list[Slot]:
    """What stands in which frame of a text, no two of them over each other, the better frames first."""
    taken: list[tuple[int, int]] = []
    found = []
    for number, frame in enumerate(frames):
        place = text.within(frame)
        if place is not None and not any(place[0] < end and start < place[1] for start, end in taken):
            taken.append(place)
            found.append(Slot(number, text.content(place)))
    return found


def refilled(answer: Sequence[str], copied: Sequence[Slot], text: str, there: Sequence[Slot]) -> tuple[list[str], int]:
    """The texts of an answer with what they copied replaced by what stands in the same frames of another text.

    And how badly that fits: how many places the other text does not have or has beside them.
    """
    values = {slot.frame: slot.content for slot in there}
    new: dict[str, str] = {}
    missing = 0
    for slot in copied:
        content = values.get(slot.frame)
        if content is not None:
            new[slot.content] = content
        elif not mentions(text, slot.content):
            missing += 1
    more = len(values.keys() - {slot.frame for slot in copied})
    return [replaced(one, new) for one in answer], missing + more


def replaced(text: str, new: Mapping[str, str]) -> str:
    """Each of some parts of a text by another, all at once, the longest first; none within a word."""
    if not new:
        return text
    parts = "|".join(regex.escape(part) for part in sorted(new, key=len, reverse=True))
    return str(regex.sub(rf"(?<!\w)(?:{parts})(?!\w)", lambda match: new[match.group()], text))


def mentions(text: str, part: str) -> bool:
    """Whether a text has a part that is not within a word."""
    return regex.search(rf"(?<!\w){regex.escape(part)}(?!\w)", text) is not None


def _around(text: Words, answer: Words) -> list[Frame]:
    """The frames around the longest parts that a text and its answer share."""
    found, place, end = list[Frame](), 1, len(answer.words) - 1
    while place < end:
        best, size = 0, 0
        for start in text.places.get(answer.words[place], ()):
            length = 0
            while (
                place + length < end and start + length < len(text.words) - 1 and length < WORDS
                and text.words[start + length] == answer.words[place + length] != "\n"
            ):  # fmt: skip
                length += 1
            if length > size:
                best, size = start, length
        if size and any(word[0].isalnum() for word in text.words[best : best + size]):
            right = text.words[best + size]
            found += [
                Frame(tuple(text.words[best - left : best]), right) for left in range(1, LEFT + 1) if left <= best
            ]
        place += max(size, 1)
    return found
