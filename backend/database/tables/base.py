"""What every table shares: times that are UTC, JSON columns that hold plain values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Moment(TypeDecorator[datetime]):
    """A time in UTC that comes back aware, also from SQLite, which knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    type_annotation_map = {datetime: Moment, dict[str, Any]: JSON, list[Any]: JSON, str: String(255)}  # noqa: RUF012


class Ordered:
    """What the worker keeps of work that somebody ordered, and that jobs do: a row that has ended and still has a
    `handle` has a job that is to be stopped. `run` is the run of a pipeline that ordered it, whose challenger waits for
    `hold` seconds to be promoted by hand; `fence` is that of the worker's lease."""

    digest: Mapped[str] = mapped_column(String(16), default="")  # of the question, as its job was told
    launcher: Mapped[str] = mapped_column(default="local")
    handle: Mapped[str | None] = mapped_column(Text)
    fence: Mapped[int] = mapped_column(default=0)
    hold: Mapped[float | None]
    run: Mapped[str | None]
    label_count: Mapped[int] = mapped_column(default=0)
    last_event_id: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
