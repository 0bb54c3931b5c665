"""Examples, people's work on them, the ledger of labels and what is derived from it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from labelwheel.backend.database.tables.base import Base, now


class ExampleRow(Base):
    """One example, with its near-duplicate group and its side of the split.

    The side changes in one case only: a text that was edited into a near-duplicate of the other side is set apart.
    """

    __tablename__ = "examples"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    key: Mapped[str]
    fields: Mapped[dict[str, Any]]
    columns: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # those that a setting names
    digest: Mapped[str] = mapped_column(String(64))  # of the fields, to see at once that nothing changed
    group: Mapped[str] = mapped_column("group_key", String(64))
    part: Mapped[str] = mapped_column(String(16))
    blind_lot: Mapped[float] = mapped_column(default=1.0)  # drawn once, see labelwheel.backend.ledger.blind_share
    gone: Mapped[bool] = mapped_column(default=False)
    sweep_number: Mapped[int] = mapped_column(default=0)  # of the last sweep during which a page brought it
    added_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (
        UniqueConstraint("project_id", "key", name="one_example_per_key"),
        Index("examples_by_arrival", "project_id", "id"),
    )


class PlacedText(Base):
    """One distinct text that was ever seen, by its exact name, with its group and side: kept even when it is gone.

    So a champion that learnt from a text is never measured on a copy of it that arrives later.
    """

    __tablename__ = "placed_texts"
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    group: Mapped[str] = mapped_column("group_key", String(64))
    part: Mapped[str] = mapped_column(String(16))
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012


class FamilyRow(Base):
    """A group of two distinct texts or more; see labelwheel.training.evaluation.families."""

    __tablename__ = "families"
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    group: Mapped[str] = mapped_column("group_key", String(64), primary_key=True)
    texts: Mapped[int]
    representatives: Mapped[int]
    cut: Mapped[bool] = mapped_column(default=False)
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012


class RepresentativeRow(Base):
    """A text that stands for its group: what later texts are compared with, 64 bytes of MinHash."""

    __tablename__ = "representatives"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    group: Mapped[str] = mapped_column("group_key", String(64))
    part: Mapped[str] = mapped_column(String(16))
    sketch: Mapped[bytes] = mapped_column(LargeBinary)
    __table_args__ = (Index("representatives_by_project", "project_id", "id"),)


class Band(Base):
    """One band of a representative's MinHash: equal bands are candidates for near-duplicates."""

    __tablename__ = "representative_bands"
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    value: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    representative_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012


class WorkRow(Base):
    """What the ledger knows of one person's work on one example: how new it is, skipped, deleted, what was rejected.

    A page that is older than `updated_at` changes nothing, unless it was read as the whole truth about the example.
    """

    __tablename__ = "works"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    key: Mapped[str]
    example_key: Mapped[str]
    annotator: Mapped[str]
    updated_at: Mapped[datetime]
    skipped: Mapped[bool] = mapped_column(default=False)
    gone: Mapped[bool] = mapped_column(default=False)
    rejected: Mapped[list[Any]] = mapped_column(default=list)
    __table_args__ = (
        UniqueConstraint("project_id", "key", name="one_work_per_key"),
        Index("works_by_example", "project_id", "example_key"),
    )


class Event(Base):
    """The ledger: one line per label that was created, updated or deleted. Only ever appended to.

    `made_at` is when the tool says that the answer was given (a deletion has that of the answer it takes away),
    `recorded_at` when the ledger learnt of it.
    """

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    question: Mapped[str]
    example_key: Mapped[str]
    work_key: Mapped[str]
    annotator: Mapped[str]
    action: Mapped[str] = mapped_column(String(16))  # created, updated, deleted
    answer: Mapped[Any] = mapped_column(JSON)
    origin: Mapped[str | None] = mapped_column(String(16))  # accepted, changed, made
    version: Mapped[str | None]
    suggested: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)  # what it started from
    blind: Mapped[bool] = mapped_column(default=False)  # nobody could see a suggestion when it was given
    lead_time: Mapped[float | None]
    made_at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (
        Index("events_by_project", "project_id", "question", "id"),
        Index("events_by_example", "project_id", "question", "example_key", "id"),
    )


class Label(Base):
    """The current labels, derived from the events in the same transaction; `backend/ledger` can rebuild it."""

    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    question: Mapped[str]
    example_key: Mapped[str]
    work_key: Mapped[str]
    annotator: Mapped[str]
    answer: Mapped[Any] = mapped_column(JSON)
    origin: Mapped[str | None] = mapped_column(String(16))
    version: Mapped[str | None]
    suggested: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    blind: Mapped[bool] = mapped_column(default=False)
    unseen_version: Mapped[str | None]  # of a blind label: what would have been suggested, see suggestions.unseen
    unseen_agrees: Mapped[bool | None]  # and whether people answered that; None where nothing would have been
    lead_time: Mapped[float | None]
    made_at: Mapped[datetime]
    event_id: Mapped[int]
    __table_args__ = (
        UniqueConstraint("project_id", "work_key", "question", name="one_label_per_work_and_question"),
        Index("labels_by_example", "project_id", "example_key"),
        Index("labels_by_event", "project_id", "question", "event_id"),
    )
