"""What a project asks, as the labelling tool says now: questions come, change and go; their labels stay."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Project, QuestionRow, now
from labelwheel.backend.projects import champion_groups, decisions, generations
from labelwheel.backend.projects.identifiers import LENGTH, plain
from labelwheel.plugins.connector import Config
from labelwheel.training.questions import Question


def apply(tx: Session, project: Project, config: Config) -> bool:
    """Notes a configuration; True where it changed what is asked, so that a sweep should look at all labels anew."""
    first = not project.source
    unlearnt = [{"name": item.name, "reason": item.reason} for item in config.unlearnt]
    unlearnt += [
        {
            "name": plain(question.name),
            "reason": f"its name is too long (over {LENGTH}) or holds characters that cannot be kept: rename it",
        }
        for question in config.questions
        if plain(question.name) != question.name
    ]
    project.reference, project.title = config.reference[:255], config.title
    project.source, project.unlearnt = config.source, unlearnt
    rows = {row.name: row for row in tx.scalars(select(QuestionRow).where(QuestionRow.project_id == project.id))}
    asked = {question.name: question for question in config.questions if plain(question.name) == question.name}
    changes, stale = [], False
    for name, question in asked.items():
        row = rows.get(name)
        if row is None:
            spec = question.model_dump(mode="json")
            tx.add(
                QuestionRow(
                    project_id=project.id, name=name, spec=spec, active=True, asked_since=now(), asked_from_start=first
                )
            )
            changes.append(f"question {name!r} was added")
            continue
        before = Question.model_validate(row.spec)
        if not row.active:
            changes.append(f"question {name!r} is asked again")
            row.active, stale = True, stale or row.champion_id is not None
            row.asked_since, row.asked_from_start = now(), False
        if before != question:
            row.spec = question.model_dump(mode="json")
            if before.kind != question.kind:
                row.asked_since = row.other_until = now()
                row.asked_from_start = False
            if before.digest != question.digest:
                changes.append(_difference(before, question))
                _part(tx, row, before)
            if (before.kind, before.inputs) != (question.kind, question.inputs) and row.champion_id is not None:
                row.champion_id, stale = None, True
    for name, row in rows.items():
        if row.active and name not in asked:
            changes.append(f"question {name!r} was removed; its labels are kept")
            champion_groups.leave(tx, row, f"project {project.id} does not ask {name!r} any more")
            row.other_until = now()
            row.active, stale = False, stale or row.champion_id is not None
    tx.flush()
    if changes and not first:
        decisions.decide(tx, project, None, "configured anew", "; ".join(changes))
        project.want_sweep()
        if stale and project.generation_id is not None:
            generations.create(tx, project, "; ".join(changes))
    tx.flush()
    return bool(changes)


def _part(tx: Session, row: QuestionRow, before: Question) -> None:
    """Ends the sharing of a question that does not ask any more what the others ask."""
    now = Question.model_validate(row.spec)
    asked = [Question.model_validate(other.spec) for _, other in champion_groups.others(tx, row)]
    if now.inputs != before.inputs or not all(now.like(other) for other in asked):
        reason = f"project {row.project_id} changed what it asks: {_difference(before, now)}"
        champion_groups.leave(tx, row, f"{reason}; each goes on with the champion that it has")


def _difference(before: Question, after: Question) -> str:
    if before.kind != after.kind or before.inputs != after.inputs:
        return f"question {after.name!r} is another one now: {after.kind} of {', '.join(after.inputs)}"
    added = [value for value in after.values if value not in before.values]
    removed = [value for value in before.values if value not in after.values]
    parts = [f"added {', '.join(added)}" if added else "", f"removed {', '.join(removed)}" if removed else ""]
    if not any(parts):
        moved = (before.minimum, before.maximum) == (after.minimum, after.maximum)
        return f"question {after.name!r} has its answers in another {'order' if moved else 'range'}"
    return f"question {after.name!r} has other answers: {'; '.join(filter(None, parts))}"
