"""Every table, SQLite and PostgreSQL alike."""

from backend.ledger.tables.access import AuditLine, ToolSecret
from backend.ledger.tables.base import Base, Moment, now
from backend.ledger.tables.labels import (
    Band,
    Event,
    ExampleRow,
    FamilyRow,
    Label,
    Placed,
    RepresentativeRow,
    WorkRow,
)
from backend.ledger.tables.projects import Project, ProjectState, QuestionRow
from backend.ledger.tables.rounds import ACTIVE, CheckpointRow, Decision, Round, RoundState
from backend.ledger.tables.serving import Backfill, Generation, Lease, Server
from backend.ledger.tables.shown import Shown

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
