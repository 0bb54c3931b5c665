"""Intake: a page of what happened in the labelling tool, taken whole, in one transaction with its cursor.

Duplicates, late pages and pages in another order end in the same ledger: a page only writes events for what differs
from what the ledger has, and work that is older than what is known changes nothing. The exception is an example that
the page calls `refreshed`: for it the page is the truth, also about what is no longer there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from labelwheel.backend.database.slices import sliced
from labelwheel.backend.database.tables import ExampleRow, Project, WorkRow, now
from labelwheel.backend.ledger import aside, blind_share, columns
from labelwheel.backend.ledger.blind_share import is_blind
from labelwheel.backend.ledger.impressions import Trace
from labelwheel.backend.ledger.labelling import Labelling
from labelwheel.backend.ledger.silence import Silence
from labelwheel.backend.ledger.split_index import Arrival, place_all, sign
from labelwheel.backend.ledger.split_neighbours import Neighbourhood, look_up
from labelwheel.backend.projects import champion_groups, projects
from labelwheel.backend.projects.identifiers import plain, plain_page
from labelwheel.plugins.connector import Page, Work
from labelwheel.training.evaluation.splits import Placement, Text
from labelwheel.training.questions import Example, Question
from labelwheel.training.spec import Part


class Prepared(NamedTuple):
    """A page with what takes time to find out, so that the transaction that takes it in is short."""

    page: Page
    digests: Mapping[str, str]
    texts: Mapping[str, Sequence[Text]]
    neighbourhood: Neighbourhood


class Taken(NamedTuple):
    """What a page changed: how many examples are new, how many events were written; `unknown` work had no example."""

    examples: int
    events: int
    unknown: int


def prepare(session: Session, project_id: int, page: Page) -> Prepared:
    """Computes and looks up what `take` needs: what a page's new texts are near to."""
    page, project = plain_page(page), projects.get(session, project_id)
    digests = {example.key: digest(example) for example in page.examples}
    known, shared = _known_digests(session, project_id, digests), champion_groups.read_by(session, project_id)
    changed = (example for example in page.examples if known.get(example.key) != digests[example.key])
    texts = {example.key: sign(example, shared) for example in changed}
    found = look_up(session, projects.pool(project), [each for signed in texts.values() for each in signed])
    return Prepared(page, digests, texts, found)


def _known_digests(session: Session, project_id: int, keys: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for chunk in sliced(keys):
        query = select(ExampleRow.key, ExampleRow.digest).where(ExampleRow.project_id == project_id)
        found.update((key, known) for key, known in session.execute(query.where(ExampleRow.key.in_(chunk))))
    return found


def take(
    tx: Session,
    project_id: int,
    prepared: Prepared,
    sweeping: bool = False,
    fetched: bool = False,
    blind: float = 0.0,
    named: Mapping[str, str] = MappingProxyType({}),
) -> Taken:
    """Takes a page of a poll, or of the sweep that is under way, together with its cursor; a `fetched` one has none.

    `blind` is the share of all examples that nobody is shown a suggestion for, `named` has the columns that are kept.
    """
    # locked, as texts are placed among those of all projects that share, and events have to be in order
    page, project = prepared.page, projects.lock(tx, project_id)
    keys = {example.key for example in page.examples} | {work.example for work in page.work}
    rows = _examples(tx, project_id, keys | set(page.refreshed) | set(page.gone))
    moment = now()
    added = _take_examples(tx, project, prepared, rows, moment)
    columns.take(rows, page.examples, named)
    if sweeping or project.sweep_started_at is not None:
        # what a poll brings is there, too: it may have been added behind the sweep's back
        seen = [rows[key].id for key in keys | set(page.refreshed) if key in rows]
        for piece in sliced(seen):
            tx.execute(update(ExampleRow).where(ExampleRow.id.in_(piece)).values(sweep_number=project.sweep_number))
    questions = projects.questions(tx, project_id)
    asked = {row.name: Question.model_validate(row.spec) for row in questions}
    silence = Silence(questions)
    anew = silence.hear(page.work)
    untraced = [work.example for work in page.work if not work.origins]
    labelling = Labelling(tx, project_id, asked, moment, Trace(tx, project_id, untraced), silence)
    works = _works(tx, project_id, [work.key for work in page.work], page.refreshed)
    labelling.load(works.keys() | {work.key for work in page.work})
    unknown = _take_work(tx, project_id, page, rows, works, labelling, blind)
    _drop(works.values(), {work.key for work in page.work}, set(page.refreshed), labelling)
    labelling.finish()
    forget(tx, project_id, [rows[key] for key in page.gone if key in rows], labelling)
    aside.take(tx, project, page, keys | set(page.gone), sweeping)
    if sweeping:
        project.sweep_cursor = page.cursor
    elif not fetched:
        project.poll_cursor = page.cursor
    if anew or (unknown and not sweeping):
        project.want_sweep()  # only a sweep brings an example that the poll does not, or work that stays as it is
    tx.flush()
    return Taken(added, labelling.count, unknown)


def forget(tx: Session, project_id: int, rows: Iterable[ExampleRow], labelling: Labelling) -> None:
    """Takes examples as gone, with all the work on them."""
    rows = list(rows)
    works = _works(tx, project_id, [], [row.key for row in rows])
    labelling.load(works)
    for row in rows:
        row.gone, row.columns = True, None
    for work in works.values():
        work.gone = True
        labelling.clear(work.key)
    labelling.finish()


def digest(example: Example) -> str:
    """Names an example's content."""
    return hashlib.sha256(json.dumps(dict(example.fields), sort_keys=True).encode()).hexdigest()[:32]


def _take_examples(
    tx: Session, project: Project, prepared: Prepared, rows: dict[str, ExampleRow], moment: datetime
) -> int:
    changed, arrivals = [], []
    for example in {example.key: example for example in prepared.page.examples}.values():
        row = rows.get(example.key)
        if row is not None:
            row.gone = False
        if row is None or row.digest != prepared.digests[example.key]:
            texts = prepared.texts.get(example.key) or sign(example, champion_groups.read_by(tx, project.id))
            arrivals.append(Arrival(texts, None if row is None else Placement(row.group, Part(row.part))))
            changed.append(example)
    added = 0
    if changed:
        project.changes += 1
    placements = place_all(tx, project, arrivals, prepared.neighbourhood)
    for example, placement in zip(changed, placements, strict=True):
        row = rows.get(example.key)
        if row is None:
            row = rows[example.key] = ExampleRow(project_id=project.id, key=example.key, added_at=moment)
            row.blind_lot = blind_share.lot_of(tx, project, placement)
            tx.add(row)
            added += 1
        row.fields, row.digest = dict(example.fields), prepared.digests[example.key]
        row.group, row.part = placement.group, placement.part
    tx.flush()
    return added


def _take_work(
    tx: Session,
    project_id: int,
    page: Page,
    rows: Mapping[str, ExampleRow],
    works: dict[str, WorkRow],
    labelling: Labelling,
    blind: float,
) -> int:
    unknown = 0
    latest: dict[str, Work] = {}
    for work in page.work:
        if work.key not in latest or work.updated_at >= latest[work.key].updated_at:
            latest[work.key] = work
    for work in latest.values():
        example = rows.get(work.example)
        if example is None:
            unknown += 1
            continue
        row = works.get(work.key)
        if row is not None and work.example not in page.refreshed and _stale(work, row):
            continue
        unchanged = row is not None and not row.gone and work.updated_at <= row.updated_at
        if row is None:
            row = works[work.key] = WorkRow(project_id=project_id, key=work.key)
            tx.add(row)
        row.example_key, row.annotator, row.updated_at = work.example, work.annotator, work.updated_at
        row.skipped, row.gone = work.skipped, False
        text = Example(key=example.key, fields=example.fields)
        row.rejected = [plain(reason) for reason in labelling.take(work, text, unchanged, is_blind(example, blind))]
    return unknown


def _stale(work: Work, row: WorkRow) -> bool:
    return work.updated_at < row.updated_at or (row.gone and work.updated_at <= row.updated_at)


def _drop(works: Iterable[WorkRow], listed: set[str], refreshed: set[str], labelling: Labelling) -> None:
    """Work that the page had to list, and did not, was deleted."""
    for row in works:
        if row.example_key in refreshed and row.key not in listed and not row.gone:
            row.gone = True
            labelling.clear(row.key)


def _examples(tx: Session, project_id: int, keys: set[str]) -> dict[str, ExampleRow]:
    query = select(ExampleRow).where(ExampleRow.project_id == project_id)
    return {row.key: row for piece in sliced(keys) for row in tx.scalars(query.where(ExampleRow.key.in_(piece)))}


def _works(tx: Session, project_id: int, keys: Iterable[str], examples: Iterable[str]) -> dict[str, WorkRow]:
    query = select(WorkRow).where(WorkRow.project_id == project_id)
    wanted = ((WorkRow.key, keys), (WorkRow.example_key, examples))
    return {
        row.key: row
        for column, values in wanted
        for piece in sliced(values)
        for row in tx.scalars(query.where(column.in_(piece)))
    }
