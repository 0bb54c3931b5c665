"""A project's examples, searched by their texts and by what people said and were shown.

What SQL can tell on both databases alike, it tells; the rest is looked at here, of so many examples at most.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel
from sqlalchemy import Select, Text, and_, cast, or_, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.slices import SIZE
from labelwheel.backend.database.tables import ExampleRow, Impression, Label, QuestionRow
from labelwheel.backend.ledger.blind_share import are_blind
from labelwheel.backend.ledger.impressions import NONE
from labelwheel.backend.views import annotators
from labelwheel.training.errors import LabelwheelError
from labelwheel.training.evaluation import named_slices
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.free_text import line
from labelwheel.training.questions import PATH_SEPARATOR, Answer, Example, Question
from labelwheel.training.spec import NamedSlice

SHOWN = 50
"""So many are on a page."""
SCANNED = 4000
"""So many are looked at for one page; whoever wants more goes on where the search was cut."""
LONGEST = 400
"""So many characters of a text are in a list."""
SIDES = ("train", "held_out", "apart", "blind")
"""What is blind is held out, too."""
UNSOUGHT = ("annotator", "label age", "language", "origin", "project")
"""Slices of a report that no example by itself tells: each round numbers people anew, labels grow older."""


class Wanted(NamedTuple):
    """What an example has to have; what is empty or None lets every one through. `after` is the id of the one before.

    The score is that of the suggestion that is shown now, both ends included.
    """

    text: str = ""
    label: str = ""
    says: str = ""
    annotator: str = ""
    version: str = ""
    side: str = ""
    slice: str = ""
    score_from: float | None = None
    score_to: float | None = None
    after: int = 0

    @property
    def scored(self) -> bool:
        """Whether a score is asked for."""
        return self.score_from is not None or self.score_to is not None


def body() -> type[BaseModel]:
    """The model of what `read` gives, which is imported only when somebody wants it described."""
    from labelwheel.backend.views.examples_body import Examples

    return Examples


def read(session: Session, row: QuestionRow, blind_share: float, wanted: Wanted, told: bool) -> dict[str, Any]:
    """What `examples_body.Examples` says, in the order in which examples came.

    Unless they are to be `told`, there are no texts and no names, and nothing is sought by them.
    """
    if not told:
        wanted = wanted._replace(text="", annotator="")
    question = Question.model_validate(row.spec)
    query = _query(row, blind_share, wanted)
    found: list[_Found] = []
    scanned, last = 0, wanted.after
    # one statement, however far it is read: what SQL seeks among labels and suggestions is sought once; and no cursor
    # of the server's, for which PostgreSQL plans as if a tenth of the rows were read, and looks up each in turn
    rows = session.execute(query.where(ExampleRow.id > wanted.after).limit(SCANNED))
    for batch in rows.partitions(SIZE):
        scanned, last = scanned + len(batch), batch[-1].id
        found += _among(session, row, question, wanted, [one for one in batch if _fits(one, question, wanted)])
        if len(found) > SHOWN:
            break
    rows.close()
    more = scanned >= SCANNED
    full = len(found) > SHOWN
    called = annotators.names(session, row.project_id, told)
    shown = found[:SHOWN]
    return {
        "question": row.name,
        "scanned": scanned,
        "cut": more and not full,
        "next": shown[-1].example.id if full else last if more else None,
        "examples": [
            {
                "key": each.example.key,
                "text": brief(question, each.example.fields) if told else None,
                "side": "blind" if each.example.blind else each.example.part,
                "labels": [
                    {
                        "annotator": called.get(one.annotator, "") if told else None,
                        "label": said(question, one.answer, told),
                    }
                    for one in each.labels
                ],
                "suggested": _latest(question, each, told),
            }
            for each in shown
        ],
    }


def named(question: Question, answer: Answer) -> list[str]:
    """The classes that an answer names; none where it does not fit the question any more."""
    try:
        return kind_of(question).labels(question, answer)
    except (LabelwheelError, TypeError, KeyError, AttributeError):
        return []


def said(question: Question, answer: Answer, told: bool = False) -> str:
    """An answer in few words, such as `city ×2, person`: a piece of a text only where texts are `told`."""
    if answer is None or answer in ([], {}, ""):
        return "nothing"
    if kind_of(question).free:
        return _short(line(answer)) if told else "a text"
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        return str(answer)
    counts = Counter(named(question, answer))
    return ", ".join(name if count == 1 else f"{name} ×{count}" for name, count in counts.items()) or "another answer"


def brief(question: Question, fields: dict[str, Any]) -> str:
    """The beginning of an example's text."""
    return _short(_text(question, fields))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


class _Found(NamedTuple):
    example: Any
    labels: list[Any]
    shown: list[Any]


def _text(question: Question, fields: dict[str, Any]) -> str:
    return "\n".join(filter(None, (str(fields.get(name, "")) for name in question.inputs)))


def _query(row: QuestionRow, blind_share: float, wanted: Wanted) -> Select[Any]:
    blind = and_(*are_blind(blind_share))
    query = select(
        ExampleRow.id, ExampleRow.key, ExampleRow.fields, ExampleRow.columns, ExampleRow.part, blind.label("blind")
    )
    query = query.where(ExampleRow.project_id == row.project_id, ExampleRow.gone.is_(False)).order_by(ExampleRow.id)
    if wanted.side == "blind":
        query = query.where(blind)
    elif wanted.side:
        query = query.where(ExampleRow.part == wanted.side)
    labels = select(Label.example_key).where(Label.project_id == row.project_id, Label.question == row.name)
    shown = select(Impression.example_key).where(Impression.project_id == row.project_id, Impression.version != NONE)
    if wanted.label or wanted.annotator:
        known = labels.where(Label.annotator == wanted.annotator) if wanted.annotator else labels
        query = query.where(ExampleRow.key.in_(known.where(_mentions(Label.answer, wanted.label))))
    if wanted.scored:
        query = query.where(~blind, ExampleRow.key.in_(shown.where(Impression.scores.is_not(None))))
    if wanted.says or wanted.version:
        if wanted.version:
            labels, shown = (
                labels.where(Label.version == wanted.version),
                shown.where(Impression.version == wanted.version),
            )
        query = query.where(
            or_(
                ExampleRow.key.in_(labels.where(_mentions(Label.suggested, wanted.says))),
                ExampleRow.key.in_(shown.where(_mentions(Impression.answers, wanted.says))),
            )
        )
    return query


def _mentions(column: Any, value: str) -> Any:
    """True of all answers that name a value, and of some others: JSON says the same in many ways."""
    return cast(column, Text).contains(json.dumps(value.split(PATH_SEPARATOR)[-1])[1:-1], autoescape=True)


def _fits(one: Any, question: Question, wanted: Wanted) -> bool:
    if wanted.text and wanted.text.casefold() not in _text(question, one.fields).casefold():
        return False
    name, _, value = wanted.slice.partition("=")
    if not name:
        return True
    columns = {each: str(found) for each, found in (one.columns or {}).items()}
    own = named_slices.features(question.text(Example(key=one.key, fields=one.fields)))
    return named_slices.holds(NamedSlice(name=name, value=value), columns | own)


def _among(
    session: Session, row: QuestionRow, question: Question, wanted: Wanted, batch: Sequence[Any]
) -> Iterable[_Found]:
    """Those of a batch that people answered, and were shown, what is wanted."""
    if not batch:
        return []
    keys = [one.key for one in batch]
    by_key = {one.key: _Found(one, [], []) for one in batch}
    query = select(Label.example_key, Label.annotator, Label.answer, Label.version, Label.suggested)
    query = query.where(Label.project_id == row.project_id, Label.question == row.name, Label.example_key.in_(keys))
    for label in session.execute(query.order_by(Label.event_id)):
        by_key[label.example_key].labels.append(label)
    stood = select(Impression.example_key, Impression.version, Impression.answers, Impression.scores)
    stood = stood.where(Impression.project_id == row.project_id, Impression.example_key.in_(keys))
    for impression in session.execute(stood.order_by(Impression.shown_at, Impression.id)):
        by_key[impression.example_key].shown.append(impression)
    return [
        one
        for one in by_key.values()
        if _answered(question, one, wanted) and _suggested(question, one, wanted) and _sure(question, one, wanted)
    ]


def _answered(question: Question, found: _Found, wanted: Wanted) -> bool:
    return not (wanted.label or wanted.annotator) or any(
        (not wanted.annotator or one.annotator == wanted.annotator)
        and (not wanted.label or wanted.label in named(question, one.answer))
        for one in found.labels
    )


def _suggested(question: Question, found: _Found, wanted: Wanted) -> bool:
    return not (wanted.says or wanted.version) or any(
        (not wanted.version or version == wanted.version)
        and (not wanted.says or wanted.says in named(question, answer))
        for version, answer in _suggestions(question, found)
    )


def _sure(question: Question, found: _Found, wanted: Wanted) -> bool:
    if not wanted.scored:
        return True
    score = _score(question, found)
    low, high = wanted.score_from, wanted.score_to
    return score is not None and (low is None or low <= score) and (high is None or score <= high)


def _score(question: Question, found: _Found) -> float | None:
    """Of what is shown now, as far as that is known: what was shown before is not asked."""
    last = found.shown[-1] if found.shown else None
    return None if last is None or last.version == NONE else (last.scores or {}).get(question.name)


def _suggestions(question: Question, found: _Found) -> list[tuple[str | None, Answer]]:
    """What is known to have stood there, with its version; what a label started from, then what was shown."""
    started = [(one.version, one.suggested) for one in found.labels if one.suggested is not None]
    shown = [(one.version, one.answers.get(question.name)) for one in found.shown if one.version != NONE]
    return [*started, *((version, answer) for version, answer in shown if answer is not None)]


def _latest(question: Question, found: _Found, told: bool) -> dict[str, Any] | None:
    known = _suggestions(question, found)
    if not known or found.example.blind:
        return None
    version, answer = known[-1]
    return {"version": version, "says": said(question, answer, told), "score": _score(question, found)}
