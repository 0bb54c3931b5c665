"""The store: where checkpoints live, in a folder of this machine or behind an fsspec URL, and the only one who knows.

A checkpoint is there once its manifest is: that is published last and removed first. From a URL it is fetched into a
cache, whole, and compared with its manifest; in a folder it is read where it lies.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from labelwheel.training import places
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import MANIFEST, Checkpoint, Manifest
from labelwheel.training.errors import InvalidCheckpoint, InvalidJob

_DESKS = ".jobs"


class Store:
    """Checkpoints by name. `cache` is the folder for copies of what lies behind a URL.

    With a URL, everything raises StoreUnreachable where it does not answer, and StoreUnusable without its driver.
    """

    def __init__(self, url: str, cache: Path) -> None:
        self.folder: Path | None = None
        if not places.is_url(url) or url.startswith("file://"):
            self.folder = Path(url.removeprefix("file://")).absolute()
        self.url = str(self.folder) if self.folder else url.rstrip("/")
        # another store has other checkpoints, if of the same names
        self._cache = cache / hashlib.sha256(self.url.encode()).hexdigest()[:12]

    @classmethod
    def around(cls, place: str, cache: Path) -> tuple[Store, str]:
        """The store that a checkpoint's place is in, and its name there."""
        url, _, name = place.rstrip("/").rpartition("/")
        return cls(url, cache), name

    def prepare(self) -> None:
        """Makes the folder. Raises OSError where that cannot be."""
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
        else:
            places.filesystem(self.url)

    def place(self, name: str) -> str:
        """Where a checkpoint is or will be, for a job's specification: an absolute path or a URL."""
        return f"{self.url}/{name}"

    def has(self, name: str) -> bool:
        """Whether a checkpoint is there, whole."""
        return whole(self.place(name))

    def names(self) -> list[str]:
        """What lies in the store, also what is no checkpoint, or not yet."""
        return self._listed(self.url)

    def read(self, name: str, verify: bool = True, digest: str | None = None) -> Checkpoint:
        """A checkpoint with its folder on this machine; what it checks and raises is told at `checkpoint.read`."""
        try:
            return checkpoint.read(self.fetch(name), verify, digest)
        except InvalidCheckpoint:
            if self.folder:
                raise
            self._forget(name)  # the copy may be broken, and what it is a copy of sound
            return checkpoint.read(self.fetch(name), verify, digest)

    def fetch(self, name: str) -> Path:
        """A checkpoint's folder on this machine: its own one, or a copy. Raises InvalidCheckpoint where a URL has none.

        Whoever reads it compares it with its manifest.
        """
        if self.folder:
            return self.folder / name
        target = self._cache / name
        if not (target / MANIFEST).exists():
            self._download(name, target)
        return target

    def check(self, name: str, digest: str) -> None:
        """Raises InvalidCheckpoint where another one was put in a checkpoint's place, in the store itself."""
        if self.folder:
            if self.has(name):
                checkpoint.read(self.folder / name, verify=False, digest=digest)
            return
        with contextlib.suppress(FileNotFoundError):
            if hashlib.sha256(places.read(f"{self.place(name)}/{MANIFEST}")).hexdigest() != digest:
                raise InvalidCheckpoint(
                    f"{self.place(name)} is not the one that was promoted: it was replaced; roll back or train anew"
                )

    @contextlib.contextmanager
    def publish(self, name: str) -> Iterator[Path]:
        """A folder to write a checkpoint to, which is in the store when the block ends; nothing of it where it raises.

        Raises InvalidJob where it is there already.
        """
        if self.folder:
            yield self.folder / name  # where `checkpoint.write` lets it appear at once
            return
        if self.has(name):
            raise InvalidJob(f"{self.place(name)} exists already; a version is never used twice, choose another one")
        with tempfile.TemporaryDirectory(prefix="labelwheel-", ignore_cleanup_errors=True) as scratch:
            yield Path(scratch) / name
            self._upload(name, checkpoint.read(Path(scratch) / name, verify=False))

    def remove(self, name: str) -> None:
        """Takes a checkpoint away, with its copy on this machine; nothing happens where there is none."""
        if self.folder:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            return
        places.remove(f"{self.place(name)}/{MANIFEST}")  # from here on it is none
        places.remove(self.place(name))
        self._forget(name)

    def sweep(self) -> None:
        """Removes what killed writers left half-written in a folder, and copies of what is gone."""
        checkpoint.sweep(self.folder or self._cache)
        if self.folder is None and self._cache.exists():
            known = set(self.names())
            for copy in self._cache.iterdir():
                if copy.name not in known and not copy.name.startswith("."):
                    self._forget(copy.name)

    def desk(self, name: str) -> str:
        """Where a job that cannot see this machine finds its data, and says why it failed."""
        return f"{self.url}/{_DESKS}/{name}"

    def desks(self) -> list[str]:
        """The names of those that there are."""
        return self._listed(f"{self.url}/{_DESKS}")

    def _listed(self, url: str) -> list[str]:
        if self.folder:
            return [path.name for path in Path(url).iterdir()] if Path(url).exists() else []
        try:
            with places.reached(url) as (system, path):
                names = {PurePosixPath(each).name for each in system.ls(path, detail=False)}
        except FileNotFoundError:
            return []
        return sorted(name for name in names if not name.startswith("."))

    def _upload(self, name: str, written: Checkpoint) -> None:
        place = self.place(name)
        places.remove(place)  # what a killed job left of it
        try:
            for file in written.manifest.files:
                places.send(written.folder / file, f"{place}/{file}")
            places.send(written.folder / MANIFEST, f"{place}/{MANIFEST}")
        except BaseException:
            with contextlib.suppress(Exception):  # retention clears away what stays
                places.remove(place)
            raise

    def _download(self, name: str, target: Path) -> None:
        place = self.place(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.sweep()
        folder = checkpoint.sibling(target)
        try:
            content = places.read(f"{place}/{MANIFEST}")
            for file in _files(place, content):
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                with places.reached(f"{place}/{file}") as (system, path):
                    system.get_file(path, str(folder / file))
            (folder / MANIFEST).write_bytes(content)
            with contextlib.suppress(OSError):  # another process was faster
                folder.rename(target)
        except FileNotFoundError as error:
            raise InvalidCheckpoint(
                f"{place} is missing, or a part of it ({error}); roll back or train anew"
            ) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _forget(self, name: str) -> None:
        shutil.rmtree(self._cache / name, ignore_errors=True)


def whole(place: str) -> bool:
    """Whether a checkpoint is at a place, to its last file."""
    return places.exists(f"{place}/{MANIFEST}")


def _files(place: str, manifest: bytes) -> list[str]:
    """The names of a checkpoint's files, none of which leads out of its folder."""
    try:
        files = list(Manifest.model_validate_json(manifest).files)
    except ValidationError as error:
        raise InvalidCheckpoint(f"{place}/{MANIFEST} does not fit its schema; roll back or train anew") from error
    for file in files:
        path = PurePosixPath(file)
        if path.is_absolute() or ".." in path.parts:
            raise InvalidCheckpoint(f"{place}/{MANIFEST} names {file!r}, outside of it; roll back or train anew")
    return files
