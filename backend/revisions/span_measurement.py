"""What a head for spans is worth beside its champion: fitted, measured out of fold, and judged by the light gate.

A champion that was tuned has shaped the features of the texts that it has learnt from: there every head looks good. So
what is compared is only what is newer than the champion, or held out for life: out of fold, for heads learn that too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from labelwheel.backend.revisions import light_gate
from labelwheel.backend.revisions.features import Champion
from labelwheel.backend.revisions.measurement import Measured
from labelwheel.backend.revisions.seen_tokens import Tokens
from labelwheel.training.heads import span_fit
from labelwheel.training.heads.span_fit import Fitted
from labelwheel.training.heads.standing import UNTRAINED
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample, Recipe


class SeenSpans(NamedTuple):
    """A labelled example with what is known of its tokens."""

    row: LabelledExample
    said: Tokens


def take(
    question: Question,
    seen: Sequence[SeenSpans],
    champion: Champion,
    served: bool,
    labels: int,
) -> Measured[Fitted]:
    """Measures a head from what is `seen`, of all `labels`."""
    fitted = span_fit.fit(
        question,
        [one.row.example for one in seen],
        [one.row.answer for one in seen],
        [rows for one in seen for rows in one.said.features],
        rows_of(seen),
        groups=[one.row.group for one in seen],
        unseen=None if champion.recipe in UNTRAINED else [one.row.unlearnt for one in seen],
    )
    told = zip(fitted.places, fitted.out_of_fold, strict=True)
    compared = [(seen[place], answer) for place, answer in told if seen[place].row.unlearnt]
    verdict = light_gate.judge(
        question,
        [one.row for one, _ in compared],
        [answer for _, answer in compared],
        [one.said.answer for one, _ in compared],
        named=champion.recipe == Recipe.NAMES,
        served=served,
    )
    return Measured(fitted, verdict, labels)


def rows_of(seen: Sequence[SeenSpans]) -> list[Encoding]:
    """The rows of examples, in order; no text is read, so that they have no tokens but their places."""
    return [Encoding(place, (), 0, offsets) for place, one in enumerate(seen) for offsets in one.said.offsets]
