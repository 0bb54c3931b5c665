"""Whether a round came out as it was recorded: the bits of its checkpoint, and the gate's word on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from labelwheel.backend.replay.recording import RecordedRound
from labelwheel.training.checkpoints.checkpoint import CARD, MODEL_CARD, REPORT, Manifest

TIMED = {REPORT, CARD, MODEL_CARD, "result.json"}
"""Files of a checkpoint that say how long things took; what they measured is in the gate's word, too."""

_CUT = ("was given up", "won, but")
_SAME = ("base_model", "encoder_digest", "seed", "max_length", "settings", "recipe", "calibration")


class Identity(NamedTuple):
    """`files` is None where the recorded ones were cleared away; `why` says what differs, empty where nothing does."""

    version: str
    files: bool | None
    decision: bool
    why: str

    @property
    def same(self) -> bool:
        """Whether all that can be compared is the same."""
        return self.decision and self.files is not False


def compare(
    recorded: RecordedRound,
    before: Manifest | None,
    after: Manifest | None,
    state: str,
    details: Mapping[str, object],
    notes: tuple[str, ...] = (),
) -> Identity:
    """`before` and `after` are the manifests of the recorded and the new checkpoint, `notes` those of both reports."""
    decision = state == recorded.state and _said(details) == _said(recorded.details)
    if before is None:
        why = "" if decision else f"it was {recorded.state}, and is {state} now{_cut(notes)}"
        return Identity(recorded.version, None, decision, why)
    if after is None:
        return Identity(recorded.version, False, decision, "nothing came of it now")
    files = _files(before) == _files(after)
    if files and decision:
        return Identity(recorded.version, True, True, "")
    return Identity(recorded.version, files, decision, _why(before, after, files, notes))


def _why(before: Manifest, after: Manifest, files: bool, notes: tuple[str, ...]) -> str:
    if files:
        return "the model is the same, and the gate's numbers are not: it is of another version, or has other settings"
    other = sorted(name for name in before.libraries if before.libraries[name] != after.libraries.get(name))
    if other:
        told = ", ".join(f"{name} {before.libraries[name]} then, {after.libraries.get(name)} now" for name in other)
        return f"other libraries: {told}"
    if before.label_set != after.label_set:
        return "it learnt from other labels: examples were edited, deleted or set apart since"
    if _cut(notes):
        return f"time ran out in one of the two{_cut(notes)}"
    differ = [name for name in _SAME if getattr(before, name) != getattr(after, name)]
    return f"other {', '.join(differ) or 'weights'}: was it trained on another machine, or with other threads?"


def _cut(notes: tuple[str, ...]) -> str:
    found = next((note for note in notes if any(word in note for word in _CUT)), "")
    return f" ({found})" if found else ""


def _files(manifest: Manifest) -> dict[str, str]:
    return {name: digest for name, digest in manifest.files.items() if name not in TIMED}


def _said(details: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in details.items() if name not in ("round", "generation")}
