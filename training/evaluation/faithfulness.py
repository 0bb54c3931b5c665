"""Whether explanations say what the model goes by: the words that they mark are taken away, and as many by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelwheel.training.evaluation.explanation import Answerer, Explanation, Occluded, explain, most
from labelwheel.training.evaluation.markdown import cell, table
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.questions import Example, Question

DRAWS = 5
"""So many times as many words are taken away by chance."""

LEAST = 5
"""Of fewer words a fifth is none."""


@dataclass(frozen=True)
class Deleted:
    """One item of an answer: whether it is gone without the marked words, and how often without as many by chance."""

    marked: bool
    random: float


def deletion(
    question: Question, examples: Sequence[Example], answer: Answerer, seed: int, explanations: Sequence[Explanation]
) -> list[Deleted]:
    """What taking away a fifth of the words does to each item that was explained.

    A number is gone when it is no longer within a tenth of the range. Of a span's own words none is taken: without them
    it would be gone in any case. Texts of fewer than `LEAST` other words are left out.
    """
    chance, found = np.random.default_rng(seed), list[Deleted]()
    for example, explained in zip(examples, explanations, strict=True):
        occluded = Occluded(question, example, answer, explained.prediction)
        for number, carried in enumerate(explained.carried):
            free = occluded.beside(number)
            if len(free) < LEAST:
                continue
            others = sorted(set(free) - set(carried.marked), key=lambda place: -carried.weights[place])
            marked = [*carried.marked, *others][: most(len(free))]
            drawn = [chance.choice(free, len(marked), replace=False).tolist() for _ in range(DRAWS)]
            gone = occluded.held([marked, *drawn])[:, number] <= 0
            found.append(Deleted(bool(gone[0]), float(gone[1:].mean())))
    return found


MOST = 100
"""Of more held-out texts so many are drawn."""

FEW = 20
"""With fewer items nothing is said."""

_LABELS, _WORDS = 20, 5


@dataclass(frozen=True)
class Explanations:
    """Whether what explanations mark is what the checkpoint goes by, and the words it goes by for each label."""

    name: str = "explanations"

    def look(self, subject: Subject) -> dict[str, Any]:
        """Shares of items that are gone; by label the words that were marked in most texts, more than one."""
        told = [place for place, one in enumerate(subject.predictions) if one.answer not in (None, [])]
        if len(told) > MOST:
            told = sorted(np.random.default_rng(subject.seed).choice(told, MOST, replace=False).tolist())
        examples = [subject.measured[place].example for place in told]
        explanations = [
            explain(subject.question, example, subject.answer, subject.predictions[place])
            for place, example in zip(told, examples, strict=True)
        ]
        found = deletion(subject.question, examples, subject.answer, subject.seed, explanations)
        if len(found) < FEW:
            return {}
        return {
            "texts": len(examples),
            "items": len(found),
            "marked": float(np.mean([one.marked for one in found])),
            "random": float(np.mean([one.random for one in found])),
            "words": _words(subject, explanations),
        }

    def render(self, found: Mapping[str, Any]) -> str:
        """Two sentences, and a table of the words."""
        marked, random = found["marked"], found["random"]
        more = f", {marked / random:.1f} times as many" if random else ""
        said = (
            f"Without the fifth of its words that `labelwheel explain` marks, {marked:.0%} of {found['items']} answers "
            f"are gone; without as many by chance {random:.0%}{more}."
        )
        if marked < 2 * random:
            said += " That is little: explanations of this checkpoint say hardly more than chance."
        rows = [(cell(one["label"]), cell(", ".join(one["words"]))) for one in found["words"]]
        return "\n\n".join(filter(None, ["## Which words carry answers", said, table(("label", "words"), rows)]))


EXPLANATIONS = Explanations()


def _words(subject: Subject, explanations: Sequence[Explanation]) -> list[dict[str, Any]]:
    counts: dict[str, Counter[str]] = {}
    for explained in explanations:
        for one in explained.carried:
            for label in subject.kind.labels(subject.question, [one.item] if _listed(explained) else one.item):
                # in their order, the most important first: it decides among those that are marked as often
                said = dict.fromkeys(explained.words[place].text.casefold() for place in one.marked)
                counts.setdefault(label, Counter()).update(list(said))
    often = {label: [word for word, times in each.most_common(_WORDS) if times > 1] for label, each in counts.items()}
    order = sorted(often, key=lambda label: -counts[label].total())
    return [{"label": label, "words": often[label]} for label in order if often[label]][:_LABELS]


def _listed(explained: Explanation) -> bool:
    return isinstance(explained.prediction.answer, list)
