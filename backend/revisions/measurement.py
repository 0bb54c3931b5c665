"""What a head is worth beside its champion: fitted, measured out of fold, and judged by the light gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from labelwheel.backend.revisions import light_gate
from labelwheel.backend.revisions.features import Champion
from labelwheel.backend.revisions.light_gate import Verdict
from labelwheel.training.heads.bench import Bench
from labelwheel.training.heads.fitting import Fitted, measure, unseen
from labelwheel.training.heads.seen import Seen, numbered
from labelwheel.training.spec import Recipe

SECONDS = 20.0


F = TypeVar("F")


@dataclass(frozen=True)
class Measured(Generic[F]):
    """What a measurement found: a head on so many `labels`, and the gate's word on heads like it."""

    fitted: F
    verdict: Verdict
    labels: int


def take(
    bench: Bench, held: Sequence[Seen], champion: Champion, served: bool, last: Fitted | None = None
) -> Measured[Fitted]:
    """Measures on what the champion has not learnt: labels newer than it, and those `held` out for life.

    `served` tells that heads like the `last` one are served: then the new one is averaged with that.
    """
    fitted = measure(bench, SECONDS)
    if served and last is not None:
        fitted = fitted.after(last)
    newer = [pair for pair in zip(bench.seen, fitted.out_of_fold, strict=True) if pair[0].row.fresh]
    seen = [*(one for one, _ in newer), *held]
    answers = unseen(fitted, bench, held)
    verdict = light_gate.judge(
        bench.question,
        [one.row for one in seen],
        [*(said for _, said in newer), *answers],
        champion.decode(
            bench.question,
            [one.row.example for one in seen],
            numbered(seen),
            [row for one in seen for row in one.logits],
        ),
        named=champion.recipe == Recipe.NAMES,
        served=served,
    )
    return Measured(fitted, verdict, len(bench.seen))
