"""Every table, SQLite and PostgreSQL alike."""

from labelwheel.backend.database.tables.access import AuditLine, ToolSecret
from labelwheel.backend.database.tables.base import Base, Moment, now
from labelwheel.backend.database.tables.impressions import Impression, ShownOrder
from labelwheel.backend.database.tables.inspections import InspectionPart, InspectionRow, InspectionState
from labelwheel.backend.database.tables.labels import (
    Band,
    Event,
    ExampleRow,
    FamilyRow,
    Label,
    PlacedText,
    RepresentativeRow,
    WorkRow,
)
from labelwheel.backend.database.tables.projects import Project, ProjectState, QuestionRow
from labelwheel.backend.database.tables.rounds import ACTIVE, WORKED_ON, CheckpointRow, Decision, Round, RoundState
from labelwheel.backend.database.tables.serving import Backfill, Generation, HeadRow, Lease, Revision, Server
from labelwheel.backend.database.tables.tunings import (
    SEARCHING,
    TrialRole,
    TrialRow,
    TrialState,
    TuningRow,
    TuningState,
)

__all__ = [
    "ACTIVE",
    "SEARCHING",
    "WORKED_ON",
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
    "HeadRow",
    "Impression",
    "InspectionPart",
    "InspectionRow",
    "InspectionState",
    "Label",
    "Lease",
    "Moment",
    "PlacedText",
    "Project",
    "ProjectState",
    "QuestionRow",
    "RepresentativeRow",
    "Revision",
    "Round",
    "RoundState",
    "Server",
    "ShownOrder",
    "ToolSecret",
    "TrialRole",
    "TrialRow",
    "TrialState",
    "TuningRow",
    "TuningState",
    "WorkRow",
    "now",
]
