"""How doubtful spans are: by the words whose tags a chain that has not learnt from their text does not believe.

A text is as doubtful as its most doubtful word (Wang and Mueller 2022, arXiv 2210.03920): a span that is missing, has
another label or other edges shows in a word or two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from labelwheel.training.evaluation.doubts import Doubts
from labelwheel.training.heads import span_fit
from labelwheel.training.heads.span_fit import Fitted
from labelwheel.training.heads.word_texts import WordTexts
from labelwheel.training.questions import Prediction
from labelwheel.training.strategies.problem import Problem

MOST_WORK = 10 * span_fit.MOST_WORK
"""Some three thousand short texts with a handful of labels are learnt from together; of more, each part by itself."""


def doubts(problem: Problem, features: Sequence[np.ndarray]) -> Doubts:
    """Of all of its examples; `features` (tokens, width) has a row for each encoding."""
    texts = WordTexts.of(problem.question, problem.examples)
    given, tags = _given(problem, texts)
    said = [Prediction()] * len(problem)
    chances = [np.zeros((length, len(tags))) for length in texts.lengths]
    for places in parts(problem):
        fitted = _fitted(problem, features, places)
        columns = [tags.index(tag) for tag in fitted.head.tags]
        for place, one, logs in zip(places, fitted.out_of_fold, fitted.logs, strict=True):
            said[place] = one
            chances[place][:, columns] = np.exp(logs)
    return Doubts(of_texts(given, chances), said, suspected_texts(given, chances), given, chances)


def parts(problem: Problem) -> list[list[int]]:
    """The examples in as few parts as the work allows, near-duplicates in one."""
    work: dict[str, int] = {}
    for row in problem.rows:
        work[row.group] = work.get(row.group, 0) + span_fit.expected_work(problem.question, row.example)
    count = int(np.ceil(sum(work.values()) / MOST_WORK))
    order = np.random.default_rng(0).permutation(sorted(work)).tolist()
    part = {group: number % max(count, 1) for number, group in enumerate(order)}
    found: list[list[int]] = [[] for _ in range(count)]
    for place, row in enumerate(problem.rows):
        found[part[row.group]].append(place)
    return [each for each in found if each]


def of_texts(numbers: Sequence[np.ndarray], chances: Sequence[np.ndarray]) -> np.ndarray:
    """How doubtful each text is, (texts,), by the tags of its words (words,) and their chances (words, tags)."""
    from cleanlab.token_classification.rank import get_label_quality_scores

    found = np.zeros(len(numbers))
    there = [place for place, row in enumerate(numbers) if len(row)]
    if there:
        scores, _ = get_label_quality_scores(
            [numbers[place].tolist() for place in there], [chances[place] for place in there]
        )
        found[there] = 1.0 - scores
    return found


def suspected_texts(numbers: Sequence[np.ndarray], chances: Sequence[np.ndarray]) -> int:
    """How many texts have a word whose tag is wrong by confident learning."""
    from cleanlab.token_classification.filter import find_label_issues

    there = [place for place, row in enumerate(numbers) if len(row)]
    if not there:
        return 0
    found = find_label_issues(
        [numbers[place].tolist() for place in there], [chances[place] for place in there],
        filter_by="confident_learning", n_jobs=1,
    )  # fmt: skip
    return len({text for text, _ in found})


def _fitted(problem: Problem, features: Sequence[np.ndarray], places: Sequence[int]) -> Fitted:
    """A chain on some of the examples, with what others say of each out of fold."""
    own = {place: number for number, place in enumerate(places)}
    rows = [(row, read) for row, read in zip(problem.encodings, features, strict=True) if row.example in own]
    return span_fit.fit(
        problem.question,
        [problem.rows[place].example for place in places],
        [problem.rows[place].answer for place in places],
        [read.astype(np.float16) for _, read in rows],  # as they come out of serving
        [replace(row, example=own[row.example]) for row, _ in rows],
        groups=[problem.rows[place].group for place in places],
        most=np.inf,
    )


def _given(problem: Problem, texts: WordTexts) -> tuple[list[np.ndarray], list[str]]:
    """The tag that people gave to each word of each example, by its number, and what those numbers mean."""
    rows = texts.encodings()
    wanted = problem.kind.targets(problem.question, problem.examples, problem.answers, rows, problem.id2label)
    used = sorted({tag for each in wanted for tag in each.tolist()} | {0})
    number = {tag: place for place, tag in enumerate(used)}
    given: list[np.ndarray] = [np.zeros(0, dtype=int) for _ in problem.rows]
    for row, tags in zip(rows, wanted, strict=True):
        given[row.example] = np.array([number[tag] for tag in tags.tolist()], dtype=int)
    return given, [problem.id2label[tag] for tag in used]
