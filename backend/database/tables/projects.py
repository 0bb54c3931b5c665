"""The connected projects and what they ask."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from labelwheel.backend.database.tables.base import Base, now


class ProjectState(StrEnum):
    CONNECTING = "connecting"  # the worker reads the configuration, prepares the first generation and wires the tool
    CONNECTED = "connected"
    FAILED = "failed"  # connecting failed and was undone; `problem` says why
    DISCONNECTING = "disconnecting"
    DISCONNECTED = "disconnected"  # the tool was told; the ledger and the checkpoints stay for a later connect


class Project(Base):
    """One connected project of one labelling tool. `api_key` is a secret, encrypted: never logged, never answered."""

    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    tool: Mapped[str]
    url: Mapped[str] = mapped_column(Text)
    external_id: Mapped[str]
    api_key: Mapped[str] = mapped_column(Text)
    service_url: Mapped[str] = mapped_column(Text)
    reference: Mapped[str | None]
    title: Mapped[str] = mapped_column(Text, default="")
    source: Mapped[str] = mapped_column(Text, default="")
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    share_with_id: Mapped[int | None]  # a wish: the worker carries it out while it connects the project
    pool_id: Mapped[int | None]  # the project whose split this one's texts belong to; None: its own
    texts: Mapped[int] = mapped_column(default=0)  # distinct ones that were ever placed in the pool that has its name
    changes: Mapped[int] = mapped_column(default=0)  # grows with each example that is new, edited or moved
    unlearnt: Mapped[list[Any]] = mapped_column(default=list)
    aside: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what the tool fails to show; see ledger.aside
    state: Mapped[str] = mapped_column(default=ProjectState.CONNECTING)
    step: Mapped[str] = mapped_column(Text, default="")
    problem: Mapped[str | None] = mapped_column(Text)
    generation_id: Mapped[int | None]
    revision_id: Mapped[int | None]  # of that generation, where newer heads are served
    answering_id: Mapped[int | None]  # the generation that answers until every web process has the other one ready
    turn: Mapped[int] = mapped_column(default=0)  # grows whenever something else answers; see projects.turns
    announced: Mapped[str | None]
    poll_cursor: Mapped[str | None] = mapped_column(Text)
    polled_at: Mapped[datetime | None]
    sweep_cursor: Mapped[str | None] = mapped_column(Text)
    sweep_number: Mapped[int] = mapped_column(default=0)  # of the sweep that was begun last
    sweep_started_at: Mapped[datetime | None]  # set while a sweep is under way
    swept_at: Mapped[datetime | None]
    sweep_wanted: Mapped[int] = mapped_column(default=1)  # a sweep of this number, or a later one, is to be made
    hinted_at: Mapped[datetime | None]
    hint_answered: Mapped[datetime | None]  # the hint that the last look knew of
    hinted_keys: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))  # see ledger.hints
    stalled_at: Mapped[datetime | None]  # since when nothing can be taken in, where it is connected
    rewiring: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True)
    )  # a wish: see labelwheel.backend.projects.wiring_wishes
    sent_back: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True)
    )  # a wish, too: see labelwheel.backend.projects.sent_back
    created_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (
        UniqueConstraint("tool", "url", "external_id", name="one_project_per_place"),
        Index("projects_by_reference", "tool", "reference"),
    )

    def want_sweep(self) -> None:
        """Asks for a sweep that begins from now on: one that is under way may have passed what changed."""
        self.sweep_wanted = (self.sweep_number or 0) + 1


class QuestionRow(Base):
    """One question of a project; `spec` is a training.questions.Question. Removed questions stay, for the ledger.

    A question that shares another's champion points to it as its home, which owns rounds and checkpoints; `champion_id`
    and `pinned` are the same for all of them. See labelwheel.backend.projects.champion_groups.
    """

    __tablename__ = "questions"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str]
    spec: Mapped[dict[str, Any]]
    active: Mapped[bool] = mapped_column(default=True)
    champion_id: Mapped[int | None]
    pinned: Mapped[bool] = mapped_column(default=False)
    counted_from: Mapped[int] = mapped_column(default=0)  # older events do not count as new labels: set by a rollback
    home_id: Mapped[int | None] = mapped_column(ForeignKey("questions.id", ondelete="SET NULL"))
    asked_since: Mapped[datetime | None]  # silence in older work says nothing; None: there is no older work
    asked_from_start: Mapped[bool] = mapped_column(default=False)  # it was there when the project was connected
    other_until: Mapped[datetime | None]  # it was not asked then, or was of another kind
    left_open: Mapped[bool] = mapped_column(default=False)  # there was older work that is silent about it
    tuned: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True)
    )  # how its rounds learn, of the home alone: a training.spec.Tuned; None: the defaults
    shared_at: Mapped[datetime | None]  # rounds that began before have not seen this question's labels
    __table_args__ = (UniqueConstraint("project_id", "name", name="one_question_per_name"),)
