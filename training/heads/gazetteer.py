"""What was marked before: where the same words stand again, a mark of the same label is likely."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

Marked = tuple[tuple[str, ...], str]
"""The words of a span, case folded, and its label."""

_MOST = 20_000
_LONGEST = 12  # words


class Gazetteer:
    """Sequences of words with the label that they had most often."""

    def __init__(self, known: Mapping[tuple[str, ...], str]) -> None:
        self.known = dict(known)
        self._longest: dict[str, int] = {}
        for words in self.known:
            self._longest[words[0]] = max(self._longest.get(words[0], 0), len(words))

    @classmethod
    def of(cls, counts: Mapping[Marked, int]) -> Gazetteer:
        """From how often each was marked; the most frequent `_MOST`."""
        best: dict[tuple[str, ...], str] = {}
        for (words, label), times in sorted(counts.items(), key=lambda item: -item[1])[:_MOST]:
            if times > 0 and words:
                best.setdefault(words, label)
        return cls(best)

    def attributes(self, words: Sequence[str]) -> list[list[str]]:
        """For each word of a text, case folded, what it would be; the longest match from the left counts."""
        found: list[list[str]] = [[] for _ in words]
        place = 0
        while place < len(words):
            size = min(self._longest.get(words[place], 0), len(words) - place)
            while size and tuple(words[place : place + size]) not in self.known:
                size -= 1
            if size:
                label = self.known[tuple(words[place : place + size])]
                found[place].append(f"before=B-{label}")
                for inner in range(place + 1, place + size):
                    found[inner].append(f"before=I-{label}")
            place += max(size, 1)
        return found


def marked(words: Sequence[str], tags: Sequence[str]) -> list[Marked]:
    """The spans that tags (O, B-, I-) make of a text's words."""
    found: list[tuple[list[str], str]] = []
    inside = False
    for word, tag in zip(words, tags, strict=True):
        if tag.startswith("B-"):
            found.append(([word], tag[2:]))
        elif tag.startswith("I-") and inside:
            found[-1][0].append(word)
        inside = tag != "O" and bool(found)
    return [(tuple(said), label) for said, label in found if len(said) <= _LONGEST]


def out_of_fold(
    per_text: Sequence[Sequence[Marked]], folds: Sequence[int]
) -> tuple[Gazetteer, Mapping[int, Gazetteer]]:
    """One of all texts, and for each fold one without what was marked there: no text is told its own answer."""
    total = _counted(per_text)
    parts = {
        fold: Gazetteer.of(total - _counted(said for said, own in zip(per_text, folds, strict=True) if own == fold))
        for fold in set(folds)
    }
    return Gazetteer.of(total), parts


def _counted(per_text: Iterable[Sequence[Marked]]) -> Counter[Marked]:
    return Counter(each for said in per_text for each in said)
