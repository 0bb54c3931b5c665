"""What a project should be served with, and what it is served with: values that are never changed, only replaced."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from labelwheel.backend.serving.predictor import ServedQuestion
from labelwheel.training.questions import Question


@dataclass(frozen=True)
class Wanted:
    """What the database says a project should be served with; `members`: question → (version, name in the store).

    `digests` has the hash of each version's manifest, where it is known; `heads` version and content of the fast heads
    that stand in the place of their champions' own, and `version` is what the whole is called: a revision of the
    generation, or itself. It answers at once, on that `turn` of the project, or where not `answers` is got ready.
    """

    project: int
    tool: str
    reference: str | None
    generation: str
    questions: Mapping[str, Question]
    members: Mapping[str, tuple[str, str]]
    digests: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    heads: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    answers: bool = True
    turn: int = 0

    @property
    def key(self) -> str:
        """Equal where there is nothing to change."""
        asked = {name: question.model_dump(mode="json") for name, question in self.questions.items()}
        versions = {name: version for name, (version, _) in self.members.items()}
        name = self.version or self.generation
        return json.dumps([self.tool, self.reference, self.generation, name, asked, versions], sort_keys=True)


@dataclass(frozen=True)
class Served:
    """What one project is served with; never changed. `complete` is False where a member could not be loaded.

    `members` answer, under the name `version`; `champions` are the generation's own, without newer heads.
    """

    project: int
    tool: str
    reference: str | None
    generation: str
    questions: tuple[Question, ...]
    members: Mapping[str, ServedQuestion]
    key: str
    complete: bool = True
    version: str = ""
    champions: Mapping[str, ServedQuestion] = field(default_factory=dict)
    unloaded: bool = False  # its models wait on disk, for those of other projects took their place
    turn: int = 0  # of the project, see projects.turns


@dataclass(frozen=True)
class Table:
    """All that is served at one moment. Where a tool's project was connected twice, the later one answers."""

    projects: Mapping[int, Served] = field(default_factory=dict)
    references: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, projects: Mapping[int, Served]) -> Table:
        named = sorted((each.project, each.tool, each.reference) for each in projects.values() if each.reference)
        return cls(projects, {(tool, reference or ""): project for project, tool, reference in named})
