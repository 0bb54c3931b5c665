"""Predictions for a file of any length, past HTTP: as fast as the engine, in little memory, and resumable.

Each line of the input becomes one line of the output, in order; one that cannot be read becomes a line with its
`error`, and the next goes on. One that lacks what some of the questions are asked about has the others' predictions,
too. So the output says how far an earlier run came: what it has is checked against the input and never computed
again, and half a line at its end is taken away.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from labelwheel.backend.errors import Conflict, InvalidRequest
from labelwheel.backend.serving.batching import Priority
from labelwheel.backend.serving.cache import AnswerCache
from labelwheel.backend.serving.engine import Engine
from labelwheel.backend.serving.predictor import SHOWN, Predictor, ServedQuestion
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.backend.validation import plain
from labelwheel.training.questions import Example, Prediction, Question

LINES = 1024
_AHEAD = 2
_FOREVER = 1e8

Line = tuple[int, bytes]
"""Its number, from one, and what it says; blank lines are left out."""


class Asked(NamedTuple):
    """What a line asks: an example, and by name why some of the questions cannot be answered."""

    example: Example
    lacking: Mapping[str, str]


@dataclass
class Failures:
    """Lines that could not be answered: how many, and what was wrong with the first."""

    count: int = 0
    first: str = ""


class Bulk:
    """Some questions about every line of a file. `count(bytes, lines)` is told of what was read and is answered.

    `failures` tells of those that could not be, in this run.
    """

    def __init__(
        self,
        engine: Engine,
        members: Mapping[str, ServedQuestion],
        max_characters: int = 20_000,
        count: Callable[[int, int], object] = lambda size, lines: None,
        shown_from: Mapping[str, float] = SHOWN,
    ) -> None:
        self._members, self._count = members, count
        self._queue = InferenceQueue(engine, limit=LINES * (_AHEAD + 1), bulk_limit=_AHEAD + 1)
        self._predictor = Predictor(self._queue, AnswerCache(LINES), max_characters, LINES, shown_from)
        self._versions = {name: member.model.version for name, member in members.items()}
        self.failures = Failures()

    def run(self, source: Path, target: Path) -> tuple[int, int]:
        """Writes what is missing in `target`; says how many lines were there already and how many were added.

        Input that is no JSON object with the texts that are asked about has a line that says so, and counts as added.
        `failures` has those that lack some of them, too.
        Raises Conflict where the output does not belong to this input and these checkpoints.
        """
        done = resume(target, self._versions)
        added = 0
        with source.open("rb") as lines, target.open("ab") as out, ThreadPoolExecutor(_AHEAD) as pool:
            numbered = _numbered(lines)
            self._skip(numbered, done, target)
            ahead: deque[tuple[Future[tuple[bytes, list[str]]], int, int]] = deque()
            try:
                while True:
                    chunk = list(islice(numbered, LINES))
                    if chunk:
                        size = sum(len(line) for _, line in chunk)
                        ahead.append((pool.submit(self._answer, chunk), size, len(chunk)))
                    if len(ahead) > _AHEAD or (ahead and not chunk):
                        future, size, count = ahead.popleft()
                        written, errors = future.result()
                        out.write(written)
                        out.flush()
                        added += count
                        self.failures = Failures(
                            self.failures.count + len(errors), self.failures.first or next(iter(errors), "")
                        )
                        self._count(size, count)
                    elif not chunk:
                        break
            finally:
                for future, _, _ in ahead:
                    future.cancel()
                os.fsync(out.fileno())
        return done.lines, added

    def close(self) -> None:
        self._queue.close()

    def _skip(self, numbered: Iterator[Line], done: Done, target: Path) -> None:
        last: Line | None = None
        size = count = 0
        for last in islice(numbered, done.lines):
            size, count = size + len(last[1]), count + 1
        if count < done.lines or (last is not None and self._key(last) != done.last_key):
            raise Conflict(f"{target} holds the answers to another input; choose another file")
        self._count(size, count)

    def _answer(self, chunk: Sequence[Line]) -> tuple[bytes, list[str]]:
        """The lines to write, and what was wrong with those that cannot be answered."""
        read: list[Asked | InvalidRequest] = []
        for line in chunk:
            try:
                read.append(self._read(line))
            except InvalidRequest as error:
                read.append(error)
        examples = [each.example for each in read if isinstance(each, Asked)]
        found = iter(self._predictor.suggest(self._members, examples, Priority.BULK, _FOREVER) if examples else ())
        lines, errors = list[bytes](), list[str]()
        for each, (number, _) in zip(read, chunk, strict=True):
            wrong = str(each) if isinstance(each, InvalidRequest) else "; ".join(each.lacking.values())
            told: dict[str, Any] = {"error": wrong} if wrong else {}
            if isinstance(each, Asked):
                said = {name: one for name, one in next(found).items() if name not in each.lacking}
                told = {"predictions": _told(said), **told}
            lines.append(self._written(each.example.key if isinstance(each, Asked) else str(number), told))
            errors += [wrong] if wrong else []
        return b"".join(lines), errors

    def _written(self, key: str, more: Mapping[str, Any]) -> bytes:
        row = {"key": key, "versions": self._versions, **more}
        return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"

    def _key(self, line: Line) -> str:
        try:
            return self._read(line).example.key
        except InvalidRequest:
            return str(line[0])

    def _read(self, line: Line) -> Asked:
        number, text = line
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else error
            raise InvalidRequest(f"line {number} of the input is no JSON ({reason})") from None
        if not isinstance(row, dict):
            raise InvalidRequest(f'line {number} of the input is no JSON object, such as {{"text": …}}')
        example = _example(row, number)
        wrong = {name: _lacking(member.question, example, number) for name, member in self._members.items()}
        lacking = {name: told for name, told in wrong.items() if told}
        if len(lacking) == len(self._members):
            raise InvalidRequest("; ".join(lacking.values()))
        return Asked(example, lacking)


def _told(predictions: Mapping[str, Prediction]) -> dict[str, Any]:
    return {name: one.model_dump(mode="json") for name, one in predictions.items()}


class Done:
    """What an output file holds already."""

    def __init__(self, lines: int = 0, last_key: str | None = None) -> None:
        self.lines, self.last_key = lines, last_key


def resume(target: Path, versions: Mapping[str, str]) -> Done:
    """How far an earlier run came; half a line at the end is cut off. Raises Conflict where another model wrote it."""
    if not target.exists():
        return Done()
    lines, end, last = 0, 0, b""
    with target.open("r+b") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            lines, end, last = lines + 1, end + len(line), line
        if not lines and file.seek(0, os.SEEK_END) and not _is_ours(target):
            raise Conflict(f"{target} is there already and holds something else; choose another file")
        if last:
            row = _parsed(last)
            if row.get("versions") != dict(versions):
                raise Conflict(
                    f"{target} was written by another model, or before the last label: choose another file, or remove "
                    "it (with --champion, no label makes a newer head)"
                )
        file.truncate(end)
    return Done(lines, _parsed(last).get("key") if last else None)


def _is_ours(target: Path) -> bool:
    """Whether the only, unfinished line is one that this wrote."""
    with target.open("rb") as file:
        return b'{"key":'.startswith(file.read(7))


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def _numbered(lines: Iterator[bytes] | Any) -> Iterator[Line]:
    return ((number, line) for number, line in enumerate(lines, 1) if line.strip())


def _example(row: Mapping[str, Any], number: int) -> Example:
    """{"key", "fields": {…}}, a task {"id", "data": {…}}, or an object of texts; other values are left out."""
    nested = next((row[name] for name in ("fields", "data") if isinstance(row.get(name), dict)), row)
    key = next((row[name] for name in ("key", "id") if isinstance(row.get(name), str | int)), number)
    fields = {name: value for name, value in nested.items() if isinstance(value, str)}
    try:
        return Example(key=str(key), fields=fields)
    except ValidationError as error:
        raise InvalidRequest(f"line {number} of the input: {plain(error.errors()[0])}") from None


def _lacking(question: Question, example: Example, number: int) -> str:
    """Why a question cannot be answered; nothing where it can."""
    if any(name in example.fields for name in question.inputs):
        return ""
    known = ", ".join(map(repr, sorted(example.fields))) or "no text at all"
    return (
        f"line {number} of the input has {known}, and {question.name!r} is asked about "
        f"{' and '.join(map(repr, question.inputs))}; name the fields so"
    )
