"""What an inspection found, part by part; read where it is described or tested."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from labelwheel.backend.views.shares_body import Body


class InspectionSeen(Body):
    """How the inspection of a checkpoint stands; `at` is when it ended, or began where it has not."""

    version: str
    state: str
    problem: str | None
    label_count: int
    at: datetime
    done: list[str]
    problems: dict[str, str]


class Change(Body):
    """What something does to the mean score, with its 90 % interval."""

    difference: float | None
    low: float | None
    high: float | None


class WeakRow(Body):
    """Examples that are answered worse than the `rest`; no `slice` where they are texts that are alike."""

    slice: str | None
    value: str | None
    examples: int | None
    score: float | None
    low: float | None
    high: float | None
    rest: float | None
    words: list[str]


class Weak(Body):
    """Of so many `candidates`, those that are weak beyond chance."""

    candidates: int | None
    examples: int | None
    by_cross_validation: int | None
    rows: list[WeakRow]


class Baseline(Change):
    """A simpler way of answering, and what the checkpoint wins over it."""

    name: str | None
    score: float | None


class Baselines(Body):
    """The checkpoint's score, and simpler ways'; `missing` are those that cannot be had, and why."""

    score: float | None
    examples: int | None
    rows: list[Baseline]
    missing: dict[str, str]


class Perturbed(Change):
    """A change of the texts; `flipped` is the share of answers that became others."""

    change: str | None
    examples: int | None
    before: float | None
    after: float | None
    flipped: float | None
    beyond_chance: bool | None


class Search(Body):
    """Somebody who tries, with up to `budget` questions a text."""

    examples: int | None
    flipped: int | None
    share: float | None
    low: float | None
    high: float | None
    budget: int | None


class Robustness(Body):
    """What changes of the texts cost; `weak` are those beyond chance."""

    weak: list[str]
    changes: list[Perturbed]
    search: Search | None


class Group(Body):
    """One group of a column, with its mean score and the 90 % interval."""

    column: str
    group: str | None
    examples: int | None
    score: float | None
    low: float | None
    high: float | None
    worse: bool | None


class Swap(Change):
    """Texts about somebody else; `changed` is the share of answers that became others."""

    swap: str | None
    examples: int | None
    changed: float | None
    changed_low: float | None
    changed_high: float | None
    beyond_chance: bool | None


class Fairness(Body):
    """Groups and swaps; `gaps` are those beyond chance, `untold` columns without two groups to compare."""

    gaps: list[str]
    groups: list[Group]
    untold: list[str]
    swaps: list[Swap]


class Refits(Body):
    """Learnt again from a share of the labels, so many times."""

    share: float | None
    labels: int | None
    refits: int | None
    mean: float | None
    low: float | None
    high: float | None
    other_answers: float | None


class Threshold(Body):
    """What is shown, and how good it is, where answers below the threshold are hidden."""

    threshold: float | None
    shown: float | None
    score: float | None


class Length(Change):
    """Texts that are cut after so many words."""

    words: int | None
    examples: int | None
    beyond_chance: bool | None


class Spread(Body):
    """What comes of fitting again so many times: scores, and the share of answers that differ between two."""

    refits: int | None
    mean: float | None
    deviation: float | None
    low: float | None
    high: float | None
    other_answers: float | None


class Seed(Body):
    """The chosen strategy fitted with other seeds, and to labels drawn anew; `fixed` where seeds change no answer.

    `score` is that of what is served on the same examples; `problem` says why nothing was measured.
    """

    strategy: str | None
    labels: int | None
    examples: int | None
    score: float | None
    fixed: bool | None
    problem: str | None
    minutes: int | None
    seeds: Spread | None
    drawn: Spread | None


class Sensitivity(Body):
    """What the score hangs on."""

    labels: list[Refits]
    seed: Seed | None
    thresholds: list[Threshold]
    lengths: list[Length]


class Repeated(Body):
    """Measured texts that were learnt, too."""

    examples: int | None
    same_text: int | None
    same_label: int | None
    score: float | None
    score_on_them: float | None
    score_without: float | None


class Named(Change):
    """Measured texts that name their label, and the score with the names taken out."""

    examples: int | None
    share: float | None
    score: float | None
    score_masked: float | None
    score_without: float | None
    beyond_chance: bool | None


class Leaks(Body):
    """What could have been looked up; `leaks` are those that matter."""

    leaks: list[str]
    repeated: Repeated | None
    named: Named | None


class WeakSlice(Body):
    """Examples that are answered worse than the `rest`; no `slice` where they are texts that are alike."""

    slice: str | None
    value: str | None
    examples: int | None
    score: float | None
    rest: float | None


class LabelErrorCount(Body):
    """How many of the labels that were looked at are probably wrong."""

    looked_at: int | None
    suspected: int | None


class Faithfulness(Body):
    """The share of `items` that are gone without the words that were marked, and without as many by chance."""

    items: int | None
    marked: float | None
    random: float | None


class Figures(Body):
    """What says whether somebody has to look closer; null for what is not looked at yet, or has nothing to say."""

    slices: list[WeakSlice] | None = Field(description="those that are weak beyond chance")
    baselines: Baseline | None = Field(description="the best of the simpler ways, and what the checkpoint wins over it")
    robustness: list[str] | None = Field(description="changes of the texts that cost more than chance")
    fairness: list[str] | None = Field(description="groups and swaps that are worse beyond chance")
    leakage: list[str] | None = Field(description="leaks that matter")
    label_errors: LabelErrorCount | None
    explanations: Faithfulness | None
