"""What a foreign model has written, as one file of a checkpoint: packed and unpacked, and never looked into."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from labelwheel.training.errors import ForeignFailed, InvalidCheckpoint

LARGEST = 4 * 2**30
"""Bytes of all its files."""
MOST = 10_000
"""Of them."""


def pack(folder: Path) -> bytes:
    """Its files, in the order of their names, without times and owners; links and the like are left out.

    Raises ForeignFailed where they are too many or too large.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    size = sum(path.stat().st_size for path in paths)
    if size > LARGEST or len(paths) > MOST:
        raise ForeignFailed(
            f"it left {len(paths)} files of {size / 1e6:.0f} MB; {MOST} of {LARGEST / 1e6:.0f} MB may be"
        )
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for path in paths:
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            entry.size, entry.mode = path.stat().st_size, 0o600
            with path.open("rb") as file:
                archive.addfile(entry, file)
    return written.getvalue()


def unpack(file: Path, folder: Path) -> None:
    """Its files below `folder`, and nowhere else. Raises InvalidCheckpoint."""
    try:
        with tarfile.open(file, "r:") as archive:
            archive.extractall(folder, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise InvalidCheckpoint(f"{file} cannot be unpacked ({error}); roll back or train anew") from error
