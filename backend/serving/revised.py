"""A checkpoint that is served with a newer head than its own: same encoder, same rows, other answers."""

from __future__ import annotations

from labelwheel.backend.serving.engine import Loaded
from labelwheel.backend.serving.headed import Headed
from labelwheel.backend.serving.loading import Probes, probe
from labelwheel.training.heads import files
from labelwheel.training.questions import Question


def revise(champion: Loaded, question: Question, version: str, content: bytes, probes: Probes) -> Headed:
    """A champion with a newer head, once it has answered. Raises InvalidCheckpoint."""
    found = Headed(champion, files.load(content), version)
    probe(found, question, probes.of(champion, question, found.encoder))
    return found
