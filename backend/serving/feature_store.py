"""What an encoder said of texts, kept on disk: computed once, whoever asks again, and read without being copied first.

LMDB, memory-mapped and bounded: beyond its size the oldest go. Nothing depends on it: what cannot be read or written is
computed, and a file that is broken is begun anew. Features are kept in half precision, and rounded to it whether they
come from here or not, so that a text has one answer.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import shutil
import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labelwheel.training.kinds.base import Encoding

log = logging.getLogger(__name__)

_WAITING = 256  # batches that may wait to be written; beyond that they are not kept
_FULL, _PIECE = 0.5, 50  # LMDB needs room for what a transaction changes, and gives none back at once
_COUNTER = b"next"


class FeatureStore:
    """Features of texts by encoder and tokens, at most `megabytes` of them. Any thread may use it; `close` ends it."""

    def __init__(self, folder: Path, megabytes: float) -> None:
        self._folder, self._size = folder, int(megabytes * 1e6)
        self._environment: Any = None
        self._queue: queue.Queue[tuple[Sequence[bytes], Sequence[np.ndarray]] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._write, name="features", daemon=True)

    def open(self) -> None:
        """Begins; without a disk for it, nothing is kept."""
        try:
            self._environment = self._opened()
        except Exception as error:  # lmdb has errors of its own, and the disk's
            log.warning("the features of before cannot be read, they are computed anew: %s", error)
            shutil.rmtree(self._folder, ignore_errors=True)
            try:
                self._environment = self._opened()
            except Exception as again:
                log.warning("features are not kept: %s", again)
                return
        self._thread.start()

    def close(self) -> None:
        if self._environment is None:
            return
        self._queue.put(None)
        self._thread.join(5.0)

    def get(self, encoder: str, encodings: Sequence[Encoding]) -> list[np.ndarray | None]:
        """(features,) of each row, half precision; None where it is not known."""
        if self._environment is None:
            return [None] * len(encodings)
        keys = _keys(encoder, encodings)
        try:
            with self._environment.begin(db=self._features, buffers=True) as tx:
                found = [tx.get(key) for key in keys]
                known = [None if one is None else np.frombuffer(bytes(one[8:]), dtype=np.float16) for one in found]
        except Exception as error:
            log.warning("features cannot be read: %s", error)
            return [None] * len(encodings)
        return known

    def put(self, encoder: str, encodings: Sequence[Encoding], features: Sequence[np.ndarray]) -> None:
        """Has them kept, sometime soon."""
        if self._environment is None or not encodings:
            return
        try:
            self._queue.put_nowait((_keys(encoder, encodings), list(features)))
        except queue.Full:
            return  # they are computed again where they are asked for

    def _opened(self) -> Any:
        import lmdb

        self._folder.mkdir(parents=True, exist_ok=True)
        # what a crash of the machine takes with it is computed again: nothing waits for the disk
        environment = lmdb.open(
            str(self._folder), map_size=max(self._size, 2**20), max_dbs=2, sync=False, metasync=False, max_readers=512
        )
        self._features, self._ages = environment.open_db(b"features"), environment.open_db(b"ages")
        return environment

    def _write(self) -> None:
        while (batch := self._queue.get()) is not None:
            try:
                self._keep(*batch)
            except Exception as error:
                log.warning("features are not kept: %s", error)
        self._environment.close()
        self._environment = None

    def _keep(self, keys: Sequence[bytes], features: Sequence[np.ndarray]) -> None:
        with self._environment.begin(write=True) as tx:
            number = int.from_bytes(tx.get(_COUNTER, db=self._ages) or b"", "big")
            for key, row in zip(keys, features, strict=True):
                age = struct.pack(">Q", number)
                if tx.put(key, age + row.astype(np.float16).tobytes(), db=self._features, overwrite=False):
                    tx.put(age, key, db=self._ages)
                    number += 1
            tx.put(_COUNTER, struct.pack(">Q", number), db=self._ages)
            full = sum(_used(tx.stat(db)) for db in (self._features, self._ages)) > _FULL * self._size
        if full:
            self._forget()

    def _forget(self) -> None:
        """The oldest go, some at a time: what a transaction changes is written beside what it was."""
        with self._environment.begin() as tx:
            left = tx.stat(self._features)["entries"] // 4
        while left > 0:
            with self._environment.begin(write=True) as tx, tx.cursor(db=self._ages) as cursor:
                there = cursor.first()
                for _ in range(min(left, _PIECE)):
                    if not there or cursor.key() == _COUNTER:
                        return
                    tx.delete(bytes(cursor.value()), db=self._features)
                    there = cursor.delete()
            left -= _PIECE


def _used(statistics: dict[str, int]) -> int:
    """The bytes of a table."""
    pages = sum(statistics[name] for name in ("branch_pages", "leaf_pages", "overflow_pages"))
    return pages * statistics["psize"]


def rounded(features: np.ndarray) -> np.ndarray:
    """As they would come out of the store."""
    return features.astype(np.float16)


def _keys(encoder: str, encodings: Sequence[Encoding]) -> list[bytes]:
    name = hashlib.blake2b(encoder.encode()).digest()
    tokens = (np.asarray(row.input_ids, dtype=np.int32).tobytes() for row in encodings)
    return [hashlib.blake2b(ids, key=name, digest_size=16).digest() for ids in tokens]
