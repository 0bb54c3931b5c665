"""Whether a folder takes what is written into it: tried, since there are more reasons than one why not."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from sqlalchemy import make_url

from labelwheel.backend.settings import Settings

_PROBE = 2**20
"""Bytes; SQLite's log wants some pages at once."""


def trouble(folder: Path) -> str | None:
    """Why nothing can be written there, in one line that says what to do; None where it can."""
    probe = folder / f".writable-{os.getpid()}"
    try:
        with probe.open("wb") as file:
            file.write(b"\0" * _PROBE)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return f"{folder} cannot be written to: {reason(error)}"
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    return None


def trouble_of(settings: Settings) -> str | None:
    """The same of the folders in which labelwheel keeps its files and, where it is one, its database."""
    url = make_url(settings.database_url)
    folders = {settings.home}
    if url.get_backend_name() == "sqlite" and url.database:
        folders.add(Path(url.database).parent)
    return next(filter(None, map(trouble, sorted(folders))), None)


def reason(error: OSError) -> str:
    """What an error of the file system means."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full, free some space there"
    return error.strerror or str(error)
