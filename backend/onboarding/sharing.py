"""Sharing: joins the questions of one project to those of another that ask the same, under one champion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import ACTIVE, CheckpointRow, Project, QuestionRow, Round, now
from labelwheel.backend.errors import Conflict
from labelwheel.backend.ledger import split_pools
from labelwheel.backend.projects import champion_groups, decisions, projects
from labelwheel.backend.rounds import round_commands
from labelwheel.training.evaluation.splits import Text
from labelwheel.training.questions import Question
from labelwheel.training.spec import Recipe


class Match(NamedTuple):
    """Two questions that ask the same."""

    mine: QuestionRow
    theirs: QuestionRow


def match(mine: Sequence[QuestionRow], theirs: Sequence[QuestionRow]) -> Iterator[Match]:
    """Pairs of the same name; of what is left, those that are the only ones on both sides that ask the same."""
    named = {row.name: row for row in theirs}
    found = [Match(row, named[row.name]) for row in mine if row.name in named and _alike(row, named[row.name])]
    yield from found
    mine = [row for row in mine if row not in [pair.mine for pair in found]]
    theirs = [row for row in theirs if row not in [pair.theirs for pair in found]]
    for row in mine:
        candidates = [other for other in theirs if _alike(row, other)]
        rivals = [other for other in mine if _alike(row, other)]
        if len(candidates) == len(rivals) == 1:
            yield Match(row, candidates[0])


def sign(session: Session, project_id: int, other_id: int) -> dict[str, Text]:
    """What `share` needs to have computed before its transaction."""
    pairs = list(match(projects.questions(session, project_id), projects.questions(session, other_id)))
    return {
        **split_pools.sign(session, project_id, [_spec(pair.mine) for pair in pairs]),
        **split_pools.sign(session, other_id, [_spec(pair.theirs) for pair in pairs]),
    }


def share(tx: Session, project: Project, other: Project, signed: Mapping[str, Text]) -> None:
    """Joins every question of a project that the other one asks too; once more changes nothing. Both are locked.

    Raises Conflict where there is none.
    """
    mine, theirs = projects.questions(tx, project.id), projects.questions(tx, other.id)
    pairs = list(match(mine, theirs))
    if not pairs:
        raise Conflict(_nothing(project, mine, other, theirs))
    torn = split_pools.join(tx, project, other)
    for pair in pairs:
        if any(row.project_id == project.id for row in champion_groups.members(tx, pair.theirs)):
            continue  # it is shared already
        champion_groups.leave(tx, pair.mine, f"it is to be shared with {_title(other)} instead")
        _join(tx, pair)
        reason = f"{pair.mine.name!r} of {_title(project)} and {pair.theirs.name!r} of {_title(other)} ask the same"
        champion_groups.decide(tx, pair.mine, "shared", f"{reason}: one champion, labels of both train it")
    torn += split_pools.cover(tx, project, [_spec(pair.mine) for pair in pairs], signed)
    torn += split_pools.cover(tx, other, [_spec(pair.theirs) for pair in pairs], signed)
    if torn:
        reason = f"{torn} examples had near-duplicates on the other side of the split: they neither train nor measure"
        for each in (project, other):
            decisions.decide(tx, each, None, "set apart", reason)
    for row in mine:
        if row.id not in [pair.mine.id for pair in pairs]:
            reason = f"no single question of {_title(other)} has the same kind and the same options"
            decisions.decide(tx, project, row.name, "not shared", reason)


def _join(tx: Session, pair: Match) -> None:
    """PROJECT's champion stays, unless it has not learnt from labels yet and the newcomer's has."""
    home, newcomer = champion_groups.home(tx, pair.theirs), pair.mine
    if _trained(tx, newcomer) and not _trained(tx, home):
        home, newcomer = newcomer, home
    joining = champion_groups.members(tx, newcomer)
    for found in tx.scalars(select(Round).where(Round.question_id == newcomer.id, Round.state.in_(ACTIVE))).all():
        round_commands.cancel(tx, found.id, "the question shares another champion now")
    for row in joining:
        row.home_id, row.shared_at, row.pinned = home.id, now(), home.pinned
    tx.flush()
    champion_groups.serve(tx, home, home.champion_id, f"{newcomer.name!r} shares its champion with {home.name!r}")


def _trained(session: Session, question: QuestionRow) -> bool:
    champion = None if question.champion_id is None else session.get(CheckpointRow, question.champion_id)
    return champion is not None and champion.recipe != Recipe.NAMES


def _alike(one: QuestionRow, other: QuestionRow) -> bool:
    return _spec(one).like(_spec(other))


def _spec(row: QuestionRow) -> Question:
    return Question.model_validate(row.spec)


def _title(project: Project) -> str:
    return f"project {project.id} ({project.title or project.external_id})"


def _nothing(project: Project, mine: Sequence[QuestionRow], other: Project, theirs: Sequence[QuestionRow]) -> str:
    return (
        f"nothing can be shared: {_title(project)} asks {_asked(mine)}; {_title(other)} asks {_asked(theirs)}. What is "
        "shared has the same kind and the same options: make them alike, or connect without --share-with"
    )


def _asked(rows: Sequence[QuestionRow]) -> str:
    specs = [_spec(row) for row in rows]
    return "; ".join(f"{each.name} ({each.kind}: {', '.join(each.values[:8])})" for each in specs) or "nothing"
