"""Predictions for a file of any length, past HTTP: as fast as the engine, in little memory, and resumable.

Each line of the input becomes one line of the output, in order; one that cannot be read becomes a line with its
`error`, and the next goes on. So the output says how far an earlier run came: what it has is checked against the input
and never computed again, and half a line at its end is taken away.
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
from typing import Any

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
        read: list[Example | InvalidRequest] = []
        for line in chunk:
            try:
                read.append(self._read(line))
            except InvalidRequest as error:
                read.append(error)
        examples = [each for each in read if isinstance(each, Example)]
        found = iter(self._predictor.suggest(self._members, examples, Priority.BULK, _FOREVER) if examples else ())
        lines = [
            self._written(each.key, {"predictions": _told(next(found))})
            if isinstance(each, Example)
            else self._written(str(number), {"error": str(each)})
            for each, (number, _) in zip(read, chunk, strict=True)
        ]
        return b"".join(lines), [str(each) for each in read if isinstance(each, InvalidRequest)]

    def _written(self, key: str, more: Mapping[str, Any]) -> bytes:
        row = {"key": key, "versions": self._versions, **more}
        return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"

    def _key(self, line: Line) -> str:
        try:
            return self._read(line).key
        except InvalidRequest:
            return str(line[0])

    def _read(self, line: Line) -> Example:
        number, text = line
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else error
            raise InvalidRequest(f"line {number} of the input is no JSON ({reason})") from None
        if not isinstance(row, dict):
            raise InvalidRequest(f'line {number} of the input is no JSON object, such as {{"text": …}}')
        example = _example(row, number)
        for member in self._members.values():
            _check(member.question, example, number)
        return example


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


def _check(question: Question, example: Example, number: int) -> None:
    if not any(name in example.fields for name in question.inputs):
        known = ", ".join(map(repr, sorted(example.fields))) or "no text at all"
        raise InvalidRequest(
            f"line {number} of the input has {known}, and {question.name!r} is asked about "
            f"{' and '.join(map(repr, question.inputs))}; name the fields so"
        )
