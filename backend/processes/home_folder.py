"""The folder that everything is kept in: made ready, private, and held by one service at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import make_url, select
from sqlalchemy.orm import Session

from labelwheel.backend.database import disk, keyring, sealing
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Project, ProjectState, QuestionRow
from labelwheel.backend.errors import Conflict, InvalidSettings
from labelwheel.backend.rounds import foreign_models, language_model, launchers
from labelwheel.backend.settings import Settings
from labelwheel.backend.web.auth import is_loopback
from labelwheel.training import kinds
from labelwheel.training.errors import StoreUnusable

_MAKE_TOKEN = "export LABELWHEEL_TOKEN=$(python3 -c 'import secrets; print(secrets.token_urlsafe(24))')"  # noqa: S105


def check(settings: Settings) -> None:
    """Raises InvalidSettings where others could get in without credentials."""
    if settings.token is None and not is_loopback(settings.host):
        raise InvalidSettings(
            f"listening on {settings.host} lets other machines in: set a token first, such as: {_MAKE_TOKEN}"
        )


def prepare(settings: Settings) -> None:
    """Makes the folder and the database, for this user alone; raises InvalidSettings where that cannot be.

    Also where a launcher is set, or a kind of question is asked, that is not installed: at the start, and not in the
    middle of a round.
    """
    check(settings)
    launchers.check(settings)
    foreign_models.configured(settings)
    language_model.configured(settings)
    # a database holds people's texts and the api keys of labelling tools
    os.umask(0o077)
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        settings.checkpoints.prepare()
        with contextlib.suppress(PermissionError):  # a mounted volume may belong to somebody else
            settings.home.chmod(0o700)
    except OSError as error:
        raise _unusable(settings, error) from None
    except StoreUnusable as error:
        raise InvalidSettings(f"LABELWHEEL_STORE: {error}") from None
    if problem := disk.trouble(settings.home):
        raise InvalidSettings(f"LABELWHEEL_HOME {problem}")
    database = Database(settings.database_url)
    try:
        keys = _keys(settings, database)
        database.migrate(keys)
        with database.connection() as connection:
            sealing.seal(connection, keys)
        with database.session() as session:
            _check_kinds(session)
    finally:
        database.dispose()
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        for path in Path(url.database).parent.glob(f"{Path(url.database).name}*"):
            with contextlib.suppress(OSError):
                path.chmod(0o600)


def _check_kinds(session: Session) -> None:
    asked = select(QuestionRow).join(Project, Project.id == QuestionRow.project_id).where(QuestionRow.active)
    for row in session.scalars(asked.where(Project.state != ProjectState.DISCONNECTED).order_by(QuestionRow.id)):
        if row.spec["kind"] not in kinds.names():
            raise InvalidSettings(
                f"project {row.project_id} asks {row.name!r}, a question of the kind {row.spec['kind']!r}, which "
                "nothing that is installed brings: install the package that did"
            )


def check_ready(settings: Settings) -> None:
    """Raises DatabaseUnusable where `prepare` has not been called, or would fail over the database."""
    database = Database(settings.database_url)
    try:
        database.check_ready()
    finally:
        database.dispose()


def _unusable(settings: Settings, error: OSError) -> InvalidSettings:
    return InvalidSettings(f"LABELWHEEL_HOME {settings.home} cannot be used: {disk.reason(error)}")


def _keys(settings: Settings, database: Database) -> keyring.Keyring:
    """The keys, made at the first start; never where the database needs others, which would then be lost for good."""
    with database.connection() as connection:
        needed = sealing.sealed(connection)
    return keyring.load(settings) if needed else keyring.make(settings)


def renew_key(settings: Settings) -> list[int]:
    """Makes a key where there is none, gives up what it cannot decrypt, and returns the ids of those projects."""
    with held(settings, ("web", "worker")):
        keys, database = keyring.make(settings), Database(settings.database_url)
        try:
            with database.connection() as connection:
                return sealing.forget(connection, keys) if sealing.sealed(connection) else []
        finally:
            database.dispose()


@contextlib.contextmanager
def held(settings: Settings, roles: Sequence[str]) -> Iterator[None]:
    """Holds the folder for these roles (web, worker) as long as the block runs; raises Conflict."""
    with contextlib.ExitStack() as stack:
        for role in roles:
            path = settings.home / f"{role}.lock"
            try:
                settings.home.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            except OSError as error:
                raise _unusable(settings, error) from None
            file = stack.enter_context(os.fdopen(descriptor, "a+"))
            with contextlib.suppress(OSError):  # one of an earlier version
                path.chmod(0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                owner = file.read().strip() or "unknown"
                where = f"on {settings.home} already (process {owner})"
                raise Conflict(f"labelwheel is running {where}; stop it, or choose another --home") from None
            try:
                file.truncate(0)
                file.write(str(os.getpid()))
                file.flush()
            except OSError as error:
                raise _unusable(settings, error) from None
        yield


def free_port(host: str, port: int) -> int:
    """The port itself, or any free one for 0; raises InvalidSettings where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InvalidSettings(
                f"cannot listen on {host}:{port} ({error.strerror}); choose another address with --host and --port"
            ) from None
        return int(probe.getsockname()[1])
