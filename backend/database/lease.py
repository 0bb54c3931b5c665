"""The lease of a role that one process may hold: a row with a time and a fence.

Whoever holds it renews it; when it has run out, another takes over with a higher fence, and whatever the former holder
still wants to write is refused. So two workers started by mistake, or one that slept, never both write.
"""

from __future__ import annotations

import itertools
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psutil
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Lease, now

log = logging.getLogger(__name__)

WORKER = "worker"
SECONDS = 20.0


class LeaseLost(Exception):
    """Another process has taken over. Nothing was written; wait for the lease to be free again.

    Not a LabelwheelError: whoever handles those goes on working, and this ends the work.
    """


class Hold:
    """One process's claim to a role. `transaction` is the only way in which the holder writes."""

    def __init__(
        self, database: Database, role: str = WORKER, seconds: float = SECONDS, owner: str | None = None
    ) -> None:
        self.database, self.role, self.seconds = database, role, seconds
        self.owner = owner or f"{_process(os.getpid())}/{secrets.token_hex(3)}"
        self.fence = 0
        self.written = 0
        """Another number after each transaction, which makes what was read before it out of date."""
        self._numbers = itertools.count(1)
        self._seen: tuple[object, float] = None, 0.0

    def acquire(self) -> bool:
        """Takes the role if nobody holds it; True where it is ours now."""
        try:
            with self.database.transaction() as tx:
                lease = tx.scalars(select(Lease).where(Lease.role == self.role).with_for_update()).one_or_none()
                if lease is None:
                    lease = Lease(role=self.role, fence=0, owner="", until=now())
                    tx.add(lease)
                elif lease.owner != self.owner and self._held(lease):
                    return False
                lease.owner, lease.fence = self.owner, lease.fence + 1
                lease.until = now() + timedelta(seconds=self.seconds)
                tx.flush()
                self.fence = lease.fence
        except IntegrityError:
            return False  # two first workers at once
        return True

    def _held(self, lease: Lease) -> bool:
        """Whether somebody holds the lease: it runs, and is renewed while we look, whatever the clock was set to."""
        mark = lease.fence, lease.until
        if mark != self._seen[0]:
            self._seen = mark, time.monotonic()
        if lease.until <= now() or _dead(lease.owner):
            return False
        return time.monotonic() - self._seen[1] < max(self.seconds, SECONDS)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A transaction of the database that only the holder can make; raises LeaseLost."""
        with self.database.transaction() as tx:
            self.check(tx)
            yield tx
        self.written = next(self._numbers)  # at once, whichever thread writes

    def check(self, tx: Session) -> None:
        """Raises LeaseLost where somebody took over; nobody can until the transaction has ended."""
        query = select(Lease.fence).where(Lease.role == self.role)
        # a shared lock on the key lets renewals pass, and keeps a successor waiting
        if tx.scalar(query.with_for_update(read=True, key_share=True)) != self.fence:
            raise LeaseLost(f"another process is the {self.role} now")

    def renew(self) -> None:
        """Makes the lease last; raises LeaseLost."""
        with self.database.transaction() as tx:
            mine = update(Lease).where(Lease.role == self.role, Lease.fence == self.fence)
            if not tx.execute(mine.values(until=now() + timedelta(seconds=self.seconds))).rowcount:  # type: ignore[attr-defined]
                raise LeaseLost(f"another process is the {self.role} now")

    def release(self) -> None:
        """Lets the next one take over at once."""
        with self.database.transaction() as tx:
            tx.execute(update(Lease).where(Lease.role == self.role, Lease.fence == self.fence).values(until=now()))

    @contextmanager
    def kept(self, lost: threading.Event) -> Iterator[None]:
        """Renews in the background while the block lasts, and sets `lost` where that fails for good."""
        stop = threading.Event()
        thread = threading.Thread(target=self._keep, args=(stop, lost), name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(self.seconds)

    def _keep(self, stop: threading.Event, lost: threading.Event) -> None:
        while not stop.wait(self.seconds / 4):
            try:
                self.renew()
            except LeaseLost:
                lost.set()
                return
            except SQLAlchemyError as error:
                # the database may be back in time; if it is not, the fence keeps us from writing
                log.warning("the lease could not be renewed: %s", error.__class__.__name__)


def running(lease: Lease) -> bool:
    """Whether a lease was renewed lately; one that runs further than it can be made to run is of another clock."""
    left = (lease.until - now()).total_seconds()
    return 0 < left <= 2 * SECONDS


def _process(number: int) -> str:
    """Names a process of this machine, also where its number is used again."""
    return f"{socket.gethostname()}:{number}:{psutil.Process(number).create_time():.0f}"


def _dead(owner: str) -> bool:
    """Whether the owner certainly is no more: it ran on this machine, and was killed before it could say goodbye."""
    try:
        host, number, started = owner.split("/")[0].rsplit(":", 2)
        if host != socket.gethostname():
            return False
        # the start is derived from the time since boot, which an adjusted clock moves a little
        return abs(psutil.Process(int(number)).create_time() - float(started)) > 2
    except psutil.NoSuchProcess:
        return True
    except (ValueError, psutil.Error):
        return False
