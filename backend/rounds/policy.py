"""When to start a round, and why not: a pure function of the evidence and the settings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from labelwheel.backend.settings import Settings
from labelwheel.training.spec import Recipe

_BACKOFF_SECONDS = 30.0
_LONGEST_BACKOFF = 3600.0


@dataclass(frozen=True)
class Evidence:
    """Everything that decides whether a round should start. Times are in seconds before now.

    `new` counts the examples that can train or measure and whose label is newer than the last round that was decided
    (or the last rollback), `total` all of them; `problem` says why a round on them could not be promoted; `reached` is
    how long ago the new ones became `threshold`; `failures` are those in a row, of the recipe that is next.
    """

    named: bool
    active: bool = False
    champion: str | None = None  # its recipe
    outdated: bool = False  # the champion answers another set of options
    tried: bool = False  # a round has been decided for the present options
    trained: int | None = None  # labels in the last round that was decided; None before the first
    total: int = 0
    new: int = 0
    varied: bool = False  # more than one answer, or any span
    problem: str | None = None
    newest: float | None = None
    reached: float | None = None
    pinned: bool = False
    failures: int = 0
    failed: float = 0.0
    names_failures: int = 0
    names_failed: float = 0.0


class Verdict(NamedTuple):
    """Which round to start, if any; `labels_left` are the new labels that are missing for one.

    `code` names the kind of reason: a reason worth a line in the decision log is written once as long as it holds.
    """

    recipe: Recipe | None
    trigger: str
    code: str
    reason: str
    labels_left: int | None = None

    @property
    def notable(self) -> bool:
        return self.code in ("alike", "short", "pinned", "failing")


def judge(evidence: Evidence, settings: Settings) -> Verdict:
    """The verdict on one question."""
    if evidence.active:
        return Verdict(None, "", "active", "a round is under way")
    names = _names(evidence)
    return names or _labels(evidence, settings)


def threshold(trained: int | None, pinned: bool, settings: Settings) -> int:
    """How many new labels start a round, when the last one had `trained` of them."""
    if trained is None:
        return settings.first_round
    grown = min(settings.max_new, max(1, math.ceil(trained * settings.growth)))
    # someone preferred an older checkpoint: that takes more to overrule than the next few labels
    return max(grown, settings.first_round) if pinned else grown


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling, an hour at most."""
    return min(_LONGEST_BACKOFF, _BACKOFF_SECONDS * 2 ** min(failures - 1, 20)) if failures else 0.0


def _names(evidence: Evidence) -> Verdict | None:
    """A round that needs no labels, where nothing is served yet or the served names are not those of today.

    Somebody who went back to names of before, with a round on those of today behind them, keeps what they chose.
    """
    if not evidence.named or evidence.names_failed < backoff(evidence.names_failures):
        return None
    if evidence.champion is None:
        return Verdict(
            Recipe.NAMES, "connect", "names", "nothing is served yet; the label names can answer without any label"
        )
    chosen = evidence.pinned and evidence.tried
    if evidence.champion == Recipe.NAMES and evidence.outdated and not chosen:
        return Verdict(Recipe.NAMES, "options", "options", "the options have changed")
    return None


def _labels(evidence: Evidence, settings: Settings) -> Verdict:
    needed = threshold(evidence.trained, evidence.pinned, settings)
    left = max(0, needed - evidence.new)
    options = evidence.outdated and not evidence.tried and evidence.total >= settings.first_round
    if left and not options:
        if evidence.pinned:
            reason = f"it was rolled back; an automatic round needs {left} more new labels, or `labelwheel train`"
            return Verdict(None, "", "pinned", reason, left)
        return Verdict(None, "", "waiting", f"{evidence.new} of {needed} new labels", left)
    if not evidence.varied:
        return Verdict(None, "", "alike", f"all {evidence.total} labels are alike, there is nothing to tell apart", 0)
    if evidence.problem:
        return Verdict(None, "", "short", evidence.problem, 0)
    wait = backoff(evidence.failures) - evidence.failed
    if wait > 0:
        pause = _span(backoff(evidence.failures))
        failed = "a round" if evidence.failures == 1 else f"{evidence.failures} rounds in a row"
        reason = f"{failed} failed; the next try comes {pause} after the last"
        return Verdict(None, "", "failing", reason, 0)
    if _noisy(evidence, settings):
        return Verdict(None, "", "quiet", "labels are still coming in", 0)
    if options and left:
        return Verdict(Recipe.AUTO, "options", "options", "the options have changed")
    first = "" if evidence.trained is not None else "the first "
    return Verdict(Recipe.AUTO, "labels", "labels", f"{first}{evidence.new} new labels have come", 0)


def _noisy(evidence: Evidence, settings: Settings) -> bool:
    """Whether somebody is labelling right now; a steady stream holds a round up twice as long, and no longer."""
    if evidence.newest is None or evidence.newest >= settings.quiet_seconds:
        return False
    return evidence.reached is None or evidence.reached < 2 * settings.quiet_seconds


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
