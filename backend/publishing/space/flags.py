"""Answers that visitors say are wrong, with the right one: a bounded file of JSON lines, until they are fetched."""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = "flags.jsonl"
MOST = 1000
LARGEST = 8 * 2**20


class Flags:
    """In a folder, which is made; `most` flags and `largest` bytes of them at most. Several threads may use it."""

    def __init__(self, folder: Path, most: int = MOST, largest: int = LARGEST) -> None:
        self._path, self._most, self._largest = folder / FILE, most, largest
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, version: str, texts: Sequence[str], answer: Any) -> str | None:
        """Notes a flag, on disk when this returns; its name, or None where there is no room."""
        name = uuid.uuid4().hex
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        flag = {"id": name, "at": moment, "version": version, "texts": list(texts), "answer": answer}
        line = json.dumps(flag, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            known = self._lines()
            if len(known) >= self._most or sum(map(len, known)) + len(line) > self._largest:
                return None
            with self._path.open("ab") as file:
                # what a kill left of the last line would take this one with it
                file.write(line if not known or known[-1].endswith(b"\n") else b"\n" + line)
                file.flush()
                os.fsync(file.fileno())
        return name

    def all(self) -> list[dict[str, Any]]:
        """Those that nobody has taken yet, the oldest first."""
        with self._lock:
            return [flag for line in self._lines() if (flag := _read(line)) is not None]

    def take(self, names: Collection[str]) -> int:
        """Removes those that are labels now; how many there were."""
        with self._lock:
            lines = [line for line in self._lines() if (flag := _read(line)) is not None and flag["id"] not in names]
            before = len(self._lines())
            temporary = self._path.with_suffix(".writing")
            temporary.write_bytes(b"".join(lines))
            temporary.replace(self._path)
            return before - len(lines)

    def _lines(self) -> list[bytes]:
        try:
            return self._path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        flag = json.loads(line)
    except ValueError:
        return None
    return flag if isinstance(flag, dict) and isinstance(flag.get("id"), str) else None
