"""A recording that never was: a file of texts whose labels are known, as if somebody were to label them one by one."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from labelwheel.backend.database.tables import Event, ExampleRow
from labelwheel.backend.errors import InvalidRequest, NotFound
from labelwheel.backend.ledger.intake import digest
from labelwheel.backend.ledger.lots import lot
from labelwheel.backend.replay.recording import Recording
from labelwheel.training.questions import Answer, Example, Kind, Option, Question

MOST_BYTES = 500 * 2**20
POOL, TESTS = 5_000, 500
"""So many texts are there to be labelled, and so many are kept apart for the curve: of a larger file those by lot."""

_LEAST, _TEST_SHARE, _OPTIONS = 40, 5, 1_000
_FIELD = "text"
_START = datetime(2000, 1, 1, tzinfo=UTC)

Row = tuple[str, Answer]


def read(path: Path, text_field: str, label_field: str, seed: int) -> Recording:
    """Texts and labels of JSON lines, or of a CSV file with a head line; a list of labels may have any number.

    The order is by lot, for a file is often sorted. A text that stands twice counts once. Raises NotFound,
    InvalidRequest where a line does not fit.
    """
    rows = _chosen(path, text_field, label_field, seed)
    several = isinstance(rows[0][1], list)
    options = sorted({each for _, answer in rows for each in (answer if several else [answer])})
    if not 2 <= len(options) <= _OPTIONS:
        raise InvalidRequest(
            f"{path} has {len(options)} different labels in {label_field!r}; a question has 2 to {_OPTIONS:,}: is "
            "it the right --label-field?"
        )
    question = Question(
        name=label_field,
        kind=Kind.CHOICES if several else Kind.CHOICE,
        inputs=(_FIELD,),
        options=tuple(Option(value=each) for each in options),
    )
    apart = min(TESTS, len(rows) // _TEST_SHARE)
    known = [
        (Example(key=str(number), fields={_FIELD: text}), question.check(answer, Example(key="", fields={})))
        for number, (text, answer) in enumerate(rows)
    ]
    tests, pool = known[:apart], known[apart : apart + POOL]
    return Recording(
        name=f"{path.name} · {label_field}",
        tool="file",
        external_id=str(seed),
        question=question,
        arrivals=[
            ExampleRow(key=one.key, fields=dict(one.fields), digest=digest(one), added_at=_START) for one, _ in pool
        ],
        events=[_event(question.name, number, one.key, answer) for number, (one, answer) in enumerate(pool, start=1)],
        truth={one.key: answer for one, answer in pool},
        tests=tests,
        placed=False,
    )


def _event(question: str, number: int, key: str, answer: Answer) -> Event:
    moment = _START + timedelta(minutes=number)
    return Event(
        id=number, question=question, example_key=key, work_key=key, annotator="file", action="created", answer=answer,
        origin="made", blind=False, made_at=moment, recorded_at=moment,
    )  # fmt: skip


def _chosen(path: Path, text_field: str, label_field: str, seed: int) -> list[Row]:
    """Each text once, by lot."""
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    if path.stat().st_size > MOST_BYTES:
        raise InvalidRequest(f"{path} is larger than {MOST_BYTES // 2**20} MB; replay a part of it")
    found: dict[str, Row] = {}
    kinds: Counter[bool] = Counter()
    for place, row in _rows(path):
        missing = [name for name in (text_field, label_field) if row.get(name) is None]
        if missing:
            raise InvalidRequest(
                f"{place} has no {missing[0]!r}, but {', '.join(map(repr, list(row)[:10])) or 'nothing'}; say which "
                "fields to read with --text-field and --label-field"
            )
        text, answer = row[text_field], row[label_field]
        several = isinstance(answer, list)
        kinds[several] += 1
        if not isinstance(text, str) or isinstance(answer, dict):
            raise InvalidRequest(f"{place} is not a text with a label, or a list of labels: both are plain words")
        name = " ".join(text.lower().split())
        if name:
            found.setdefault(name, (text, sorted({*map(str, answer)}) if several else str(answer)))
    if len(kinds) > 1:
        raise InvalidRequest(f"{path} has lists in {label_field!r} in some lines and single labels in others")
    if len(found) < _LEAST:
        raise InvalidRequest(f"{path} has {len(found)} different texts; {_LEAST} are the least that say anything")
    return [found[name] for name in sorted(found, key=lambda name: lot(f"{seed} {_named(name)}"))]


def _named(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            if path.suffix.lower() == ".csv":
                for number, each in enumerate(csv.DictReader(file), start=2):
                    yield f"{path}, line {number},", each
                return
            for number, line in enumerate(file, start=1):
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise InvalidRequest(f"{path}, line {number}, is no JSON object with named fields")
                    yield f"{path}, line {number},", row
        except (ValueError, csv.Error) as error:
            raise InvalidRequest(f"{path} is no UTF-8 file of JSON lines, nor a .csv: {error}") from None
