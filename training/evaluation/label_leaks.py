"""Whether the score rests on what the model could have looked up: texts that it has learnt, and labels that texts name.

The split keeps groups, texts and near-duplicates apart (`leakage` checks it), but by all fields of an example; where
the same text is on both sides, it comes with the label that was learnt there. And a text that names its own label
("[billing] my card …") is answered by reading it: its name is taken out, and what that costs is held against chance.
Naming a label is no fault by itself, as people who want music say "play some music"; the figure says what is left
where texts do not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from labelwheel.training.evaluation import leakage
from labelwheel.training.evaluation.edits import Edit
from labelwheel.training.evaluation.markdown import change, number
from labelwheel.training.evaluation.paired import Paired
from labelwheel.training.evaluation.perturbations import Given
from labelwheel.training.evaluation.randomisation import p_value
from labelwheel.training.evaluation.rewriting import Change, Rewriting
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.questions import Option
from labelwheel.training.spec import LabelledExample, Part

LEVEL = 0.05
FEW = 10
"""Of fewer texts that name their label nothing is said."""

MASK = "…"


class LabelLeaks:
    """The section."""

    name = "leakage"

    def look(self, subject: Subject) -> dict[str, Any]:
        """`repeated` texts of both parts, `named` labels in texts; `leaks` says which of them matter."""
        if not subject.measured:
            return {}
        repeated, named = _repeated(subject), _named(subject)
        leaks = [
            *(["texts on both sides of the split"] if repeated["examples"] else []),
            *(["labels that texts name"] if named and named["beyond_chance"] else []),
        ]
        return {"repeated": repeated, "named": named, "leaks": leaks}

    def render(self, found: Mapping[str, Any]) -> str:
        """A sentence on each."""
        said = f"**Found**: {', '.join(found['leaks'])}." if found["leaks"] else "Nothing was found."
        return "\n\n".join(
            filter(None, ["## Could it have looked it up?", said, _told(found["repeated"]), _masked(found["named"])])
        )


LABEL_LEAKS = LabelLeaks()


def _repeated(subject: Subject) -> dict[str, Any]:
    """Held-out texts that were learnt, too, the same or nearly so, and how the score is with and without them."""
    question = subject.question
    known: dict[str, list[LabelledExample]] = {}
    for row in subject.rows:
        if row.part is Part.TRAIN and (text := question.text(row.example)):
            known.setdefault(_plain(text), []).append(row)
    neighbours = leakage.Neighbours(known)
    places = [
        place
        for place, row in enumerate(subject.measured)
        if (text := _plain(question.text(row.example))) and neighbours.have(text)
    ]
    same = [row for row in map(subject.measured.__getitem__, places) if _plain(question.text(row.example)) in known]
    agreeing = sum(any(one.answer == row.answer for one in known[_plain(question.text(row.example))]) for row in same)
    within, chosen = [subject.scores[place] for place in places], set(places)
    others = [score for place, score in enumerate(subject.scores) if place not in chosen]
    headline = subject.kind.headline
    return {
        "examples": len(places),
        "same_text": len(same),
        "same_label": agreeing,
        "keys": [subject.measured[place].example.key for place in places[:5]],
        "score": headline(subject.scores),
        "score_on_them": headline(within) if within else None,
        "score_without": headline(others) if others else None,
    }


def _named(subject: Subject) -> dict[str, Any]:
    """What texts are answered if their labels' names are taken out; empty where few name theirs."""
    options = {option.value: option for option in subject.question.options}
    rewriting, changes = Rewriting(subject), list[Change]()
    for place, row in enumerate(subject.measured):
        if subject.kind.marked(row.answer):
            continue
        labels = [options[label] for label in subject.kind.labels(subject.question, row.answer) if label in options]
        pattern = _pattern([name for option in labels for name in _names(subject, option)])
        if pattern is None:
            continue

        def masked(text: str, given: Given, pattern: re.Pattern[str] = pattern) -> list[Edit]:
            return [Edit(*found.span(), MASK) for found in pattern.finditer(text)]

        change = rewriting.change(place, row, subject.predictions[place].answer, masked, Random(0))  # noqa: S311
        changes += [change] if change else []
    if len(changes) < FEW:
        return {}
    after = subject.scored([one.row for one in changes], subject.answer([one.row.example for one in changes]))
    before, chosen = [subject.scores[one.place] for one in changes], {one.place for one in changes}
    others = [score for place, score in enumerate(subject.scores) if place not in chosen]
    paired = Paired.of([one.row.group for one in changes], before, after, subject.seed)
    low, high = paired.interval
    chance = p_value(-paired.gains, subject.seed)
    return {
        "examples": len(changes),
        "share": len(changes) / len(subject.measured),
        "score": subject.kind.headline(before),
        "score_masked": subject.kind.headline(after),
        "score_without": subject.kind.headline(others) if others else None,
        "difference": paired.difference,
        "low": low,
        "high": high,
        "p_value": chance,
        "beyond_chance": chance <= LEVEL,
    }


def _names(subject: Subject, option: Option) -> list[str]:
    """As its words may stand in a text; of a path the last step."""
    last = subject.kind.steps(option)[-1]
    spelt = re.sub(r"(?<=[a-zà-þ])(?=[A-ZÀ-Þ])", " ", last)
    return [name for name in {last, spelt} if len(name) > 1]


def _pattern(names: Sequence[str]) -> re.Pattern[str] | None:
    """Any of the names as whole words, whatever stands between them."""
    words = [re.findall(r"[^\W_]+", name) for name in names]
    found = [r"[\W_]+".join(map(re.escape, each)) for each in words if each]
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(found)})(?![^\W_])", re.IGNORECASE) if found else None


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _told(repeated: Mapping[str, Any]) -> str:
    if not repeated["examples"]:
        return "No measured text is among those that were learnt, nor nearly so."
    return (
        f"{repeated['examples']:,} measured texts were learnt, too, the same or nearly so; of the "
        f"{repeated['same_text']:,} that are the same, {repeated['same_label']:,} with the same label. The score is "
        f"{number(repeated['score'])}, on these {number(repeated['score_on_them'])}, without them "
        f"{number(repeated['score_without'])}."
    )


def _masked(named: Mapping[str, Any]) -> str:
    if not named:
        return ""
    sure = "beyond chance" if named["beyond_chance"] else "within chance"
    return (
        f"{named['examples']:,} measured texts ({named['share']:.0%}) name their label. On these the score is "
        f"{number(named['score'])}, on the others {number(named['score_without'])}; with the names taken out it is "
        f"{number(named['score_masked'])}: the mean score changes by "
        f"{change(named['difference'], named['low'], named['high'])}, {sure}."
    )
