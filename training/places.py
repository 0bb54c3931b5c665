"""Places: a path of this machine, or an fsspec URL of an object store, such as `s3://bucket/labelwheel/data.jsonl`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labelwheel.training.errors import LabelwheelError, StoreUnreachable, StoreUnusable


def is_url(place: str) -> bool:
    """Whether a place is reached over a protocol; `file:` is one as well."""
    return "://" in place


def filesystem(place: str) -> tuple[Any, str]:
    """fsspec's file system of a URL and the path in it, nothing of it remembered from before.

    Raises StoreUnusable where its driver is missing.
    """
    from fsspec.core import url_to_fs  # paths need none of it

    try:
        system, path = url_to_fs(place)
    except (ImportError, ValueError, TypeError) as error:
        raise StoreUnusable(
            f"{place} cannot be used: {error}; object stores need a driver of fsspec beside labelwheel, as its extras "
            "[s3] (s3fs), [gcs] (gcsfs) and [azure] (adlfs) bring it, wherever the store is used"
        ) from error
    system.invalidate_cache()
    return system, path


@contextlib.contextmanager
def reached(place: str) -> Iterator[tuple[Any, str]]:
    """What `filesystem` gives, for one piece of work there.

    Raises StoreUnreachable for whatever goes wrong in it but FileNotFoundError, which says something of the place.
    """
    found = filesystem(place)
    try:
        yield found
    except (FileNotFoundError, LabelwheelError):
        raise
    except Exception as error:  # each driver has errors of its own
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise StoreUnreachable(
            f"{place} cannot be read or written: {said}; check the network, its credentials and this machine's disk"
        ) from error


def exists(place: str) -> bool:
    """Whether a file is there. Raises StoreUnreachable."""
    if not is_url(place):
        return Path(place).exists()
    with reached(place) as (system, path):
        return bool(system.exists(path))


def read(place: str) -> bytes:
    """All of a file. Raises OSError for a path, and FileNotFoundError or StoreUnreachable for a URL."""
    if not is_url(place):
        return Path(place).read_bytes()
    with reached(place) as (system, path):
        content: bytes = system.cat_file(path)
        return content


def write(place: str, content: bytes) -> None:
    """A small file, whole or not at all. Raises what `read` does."""
    if not is_url(place):
        temporary = Path(f"{place}.writing")
        temporary.write_bytes(content)
        temporary.replace(place)
        return
    with reached(place) as (system, path):
        system.makedirs(system._parent(path), exist_ok=True)
        system.pipe_file(path, content)


def send(file: Path, url: str) -> None:
    """Copies a file of this machine to a URL. Raises StoreUnreachable."""
    with reached(url) as (system, path):
        system.put_file(str(file), path)


def remove(place: str) -> None:
    """A file, or all that lies under a URL; nothing happens where there is none."""
    if not is_url(place):
        Path(place).unlink(missing_ok=True)
        return
    with contextlib.suppress(FileNotFoundError), reached(place) as (system, path):
        system.rm(path, recursive=True)
