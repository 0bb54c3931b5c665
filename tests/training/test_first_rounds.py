"""The first rounds may not make suggestions worse: what is served, on the demo's messages that nobody labelled yet."""

from __future__ import annotations

import pytest

from benchmarks.rounds import Stage, demo_stage

SEEDS = range(5)
MARGIN = 0.03
"""What a draw may lose by chance: eleven of 380 messages."""


@pytest.fixture(scope="module")
def stage() -> Stage:
    return demo_stage()


def test_sixteen_skewed_labels_do_not_replace_better_names(stage: Stage) -> None:
    changes, challengers = [], []
    everything = list(range(len(stage.rows)))
    for seed in SEEDS:
        labelled = stage.draw(everything, 16, seed, skewed=True)
        rest = sorted(set(everything) - set(labelled))
        challenger, passes = stage.round(labelled, labelled, stage.names(), seed)
        names = stage.names().accuracy(rest)
        challengers.append(challenger.accuracy(rest) - names)
        changes.append((challengers[-1] if passes else 0.0) + 0.0)
    assert sum(changes) / len(changes) >= 0, changes
    assert min(changes) >= -MARGIN, changes
    # the gate has little to choose from where labels are few: what is proposed has to be sound by itself
    assert sum(challengers) / len(challengers) >= -MARGIN, challengers


@pytest.mark.slow
def test_an_annotator_who_labels_on_accepts_no_fewer_suggestions(stage: Stage) -> None:
    """As `make demo SIMULATE=1` labels: each message is answered by what the last round left, then comes the next."""
    gains, accepted = [], []
    everything = list(range(len(stage.rows)))
    for seed in SEEDS:
        order = stage.draw(everything, len(everything), seed, skewed=False)
        rounds = stage.sequence(order[:40], 16, seed)
        ends = [count for count, _ in rounds[1:]] + [80]
        shares = []
        for (begin, served), end in zip(rounds, ends, strict=True):
            shown = order[begin:end]
            shares.append((served.accuracy(shown) - stage.names().accuracy(shown)) * len(shown))
        accepted.append(sum(shares) / (80 - 16))
        rest = order[80:]
        gains += [served.accuracy(rest) - stage.names().accuracy(rest) for _, served in rounds]
    assert sum(accepted) / len(accepted) >= 0, accepted
    assert min(accepted) >= -0.05, accepted
    assert sum(gains) / len(gains) >= 0, gains
    assert min(gains) >= -MARGIN, gains
