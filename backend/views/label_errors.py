"""Labels that are probably wrong, as a question's latest inspection found them, and as the ledger has them by now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.slices import sliced
from labelwheel.backend.database.tables import Event, ExampleRow, Label, QuestionRow
from labelwheel.backend.projects import champion_groups, projects, sent_back
from labelwheel.backend.views import inspected

SECTION = "label_errors"
NOT_YET = "no inspection has looked for label errors yet: it does so after a round, while no other runs"


def read(session: Session, question: QuestionRow) -> dict[str, Any]:
    """What `LabelErrors` of the API is made of: the labels that nobody has changed since, the most doubtful first.

    It names annotators and shows texts, which is not for everybody.
    """
    latest = inspected.section(session, question, SECTION)
    shown = question.name in sent_back.questions(projects.get(session, question.project_id))
    if latest is None:
        nothing = {"version": None, "reason": NOT_YET, "looked_at": 0, "suspected": 0, "changed": 0}
        return nothing | {"sent_back": shown, "labels": []}
    found: Mapping[str, Any] = latest["found"]
    listed = _own(session, question, found.get("labels", ()))
    current = _current(session, question, listed, latest["event"])
    return {
        "version": latest["version"],
        "reason": found.get("reason"),
        "looked_at": found.get("looked_at", 0),
        "suspected": found.get("suspected", 0),
        "changed": len(listed) - len(current),
        "sent_back": shown,
        "labels": [_told(key, one, current[key]) for key, one in listed.items() if key in current],
    }


def _told(key: str, one: Mapping[str, Any], annotators: list[dict[str, Any]]) -> dict[str, Any]:
    said = {name: one[name] for name in ("text", "suggestion", "labelled", "would_say", "probability", "score")}
    nearest = [{"label" if name == "answer" else name: each[name] for name in each} for each in one["nearest"]]
    return {"key": key, "label": one["answer"], **said, "annotators": annotators, "nearest": nearest}


def _own(
    session: Session, question: QuestionRow, labels: Collection[Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """By the keys of this project; where others share the question, an inspection names each project's own."""
    if len(champion_groups.members(session, question)) < 2:
        return {one["key"]: one for one in labels}
    prefix = f"{question.project_id}/"
    return {one["key"].removeprefix(prefix): one for one in labels if one["key"].startswith(prefix)}


def _current(
    session: Session, question: QuestionRow, keys: Collection[str], event: int
) -> dict[str, list[dict[str, Any]]]:
    """Who answered what, by example, of those that are there and whose labels are no newer than `event`."""
    found: dict[str, list[dict[str, Any]]] = {}
    place = Label.project_id == question.project_id, Label.question == question.name
    about = Event.project_id == question.project_id, Event.question == question.name
    for piece in sliced(keys):
        newest = select(Event.example_key).where(*about, Event.example_key.in_(piece)).group_by(Event.example_key)
        changed = set(session.scalars(newest.having(func.max(Event.id) > event)))
        there = select(ExampleRow.key).where(ExampleRow.project_id == question.project_id, ExampleRow.gone.is_(False))
        left = set(session.scalars(there.where(ExampleRow.key.in_(piece)))) - changed
        rows = select(Label).where(*place, Label.example_key.in_(piece)).order_by(Label.made_at, Label.id)
        for label in session.scalars(rows):
            if label.example_key in left:
                one = {"annotator": label.annotator, "label": label.answer}
                found.setdefault(label.example_key, []).append(one)
    return found
