"""How far each annotator can be relied on, with the model as one more voice: CROWDLAB (Goh, Tkachenko, Mueller 2022).

Where two people disagree, nobody knows by that who is right; a model that has learnt from everybody's labels but these
may. Of whom it counts how much, CROWDLAB tells from how well each foretells what people agree on. Which examples then
bring most if somebody labels them, once more or for the first time, ActiveLab says (Goh and Mueller 2023). Both are
cleanlab's; the intervals are from a bootstrap over groups of near-duplicates with the weights held as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from labelwheel.training.evaluation.intervals import group_sums, resampled, tails
from labelwheel.training.evaluation.reliability import RESAMPLES, SEED, Agreed


class Crowd(NamedTuple):
    """What comes of it: each annotator's quality in [0, 1]; of each example the answer, and what a label would bring.

    `answers` are places among the classes. Of the lowest scores another label brings most; those of labelled and of
    `unlabelled` examples can be compared. `model_weight` is to be held against about 1 of each annotator.
    """

    annotators: Mapping[str, Agreed]
    answers: np.ndarray
    scores: np.ndarray
    unlabelled: np.ndarray
    model_weight: float


def crowd(
    given: Sequence[Mapping[str, int]], probabilities: np.ndarray, unlabelled: np.ndarray, groups: Sequence[str]
) -> Crowd | None:
    """From the class that each annotator gave each example; None where no two of them answered the same one.

    `probabilities`, (examples, classes), are out of fold: of a model that has not learnt the example's label.
    `unlabelled`, (others, classes), are those of examples without a label, and may be none.
    """
    from cleanlab import multiannotator  # takes seconds to load

    if not any(len(each) > 1 for each in given):
        return None
    people = sorted({name for each in given for name in each})
    labels = np.full((len(given), len(people)), np.nan)
    for row, each in zip(labels, given, strict=True):
        for name, place in each.items():
            row[people.index(name)] = place
    found = multiannotator.get_label_quality_multiannotator(
        labels, _proper(probabilities), calibrate_probs=True, return_weights=True, return_annotator_stats=False,
        verbose=False,
    )  # fmt: skip
    scores, of_others = multiannotator.get_active_learning_scores(
        labels, _proper(probabilities), _proper(unlabelled) if len(unlabelled) else None
    )
    answers = found["label_quality"]["consensus_label"].to_numpy()
    weights = np.asarray(found["annotator_weight"], dtype=np.float64)
    model = float(found["model_weight"])
    share = model / (model + weights.sum() * np.mean((~np.isnan(labels)).sum(1)) / len(people))
    columns = _columns(labels, answers, found["detailed_label_quality"].to_numpy())
    return Crowd(_qualities(people, columns, share, groups), answers, np.asarray(scores), np.asarray(of_others), model)


def _proper(probabilities: np.ndarray) -> np.ndarray:
    """Rows that sum to 1, none of them certain, as cleanlab takes logarithms, nor in a tie, which it breaks by lot."""
    bounded = np.clip(np.asarray(probabilities, dtype=np.float64), 1e-6, None)
    bounded *= 1.0 - 1e-9 * np.arange(bounded.shape[1])
    return np.asarray(bounded / bounded.sum(1, keepdims=True))


def _columns(labels: np.ndarray, answers: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """For each annotator the quality of an example's label, 1 for a label, 1 for the common answer, 1 for company."""
    there = ~np.isnan(labels)
    company = there & (there.sum(1) > 1)[:, None]
    return np.hstack([np.nan_to_num(quality), there, company & (labels == answers[:, None]), company]).astype(float)


def _qualities(people: Sequence[str], columns: np.ndarray, share: float, groups: Sequence[str]) -> dict[str, Agreed]:
    """CROWDLAB's: how good the labels are by the common probabilities, and how often they are the common answer."""

    def quality(sums: np.ndarray) -> np.ndarray:
        good, count, same, company = np.split(sums, 4, axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            alone, among = good / count, same / company
        return np.where(company > 0, share * alone + (1 - share) * among, alone)

    totals = group_sums(groups, columns)
    drawn = resampled(totals, quality, seed=SEED, resamples=RESAMPLES)
    low, high = np.nanquantile(drawn, tails(len(totals), 0.95), axis=0)
    values = quality(totals.sum(0))
    return {name: Agreed(*(float(each[place]) for each in (values, low, high))) for place, name in enumerate(people)}
