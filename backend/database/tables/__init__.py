"""Every table, SQLite and PostgreSQL alike."""

from backend.database.tables.access import AuditLine, ToolSecret
from backend.database.tables.base import Base, Moment, now
from backend.database.tables.labels import Band, Event, ExampleRow, FamilyRow, Label, Placed, RepresentativeRow, WorkRow
from backend.database.tables.projects import Project, ProjectState, QuestionRow
from backend.database.tables.rounds import ACTIVE, CheckpointRow, Decision, Round, RoundState
from backend.database.tables.serving import Backfill, Generation, Lease, Server
from backend.database.tables.shown import Shown

__all__ = [
    "ACTIVE",
    "AuditLine",
    "Backfill",
    "Band",
    "Base",
    "CheckpointRow",
    "Decision",
    "Event",
    "ExampleRow",
    "FamilyRow",
    "Generation",
    "Label",
    "Lease",
    "Moment",
    "Placed",
    "Project",
    "ProjectState",
    "QuestionRow",
    "RepresentativeRow",
    "Round",
    "RoundState",
    "Server",
    "Shown",
    "ToolSecret",
    "WorkRow",
    "now",
]
