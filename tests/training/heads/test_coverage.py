"""How much of a project the labels tell of, by what the label names say of texts."""

from __future__ import annotations

import numpy as np

from labelwheel.training.heads import coverage, files
from labelwheel.training.heads.bench import Bench, labels_of
from labelwheel.training.heads.blend import Counts, expected, fading
from labelwheel.training.heads.fitting import follow, measure
from labelwheel.training.heads.linear import LinearHead
from labelwheel.training.heads.seen import Unlabelled
from labelwheel.training.heads.space import Space
from labelwheel.training.heads.standing import Standing
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Kind, Option, Question
from tests.training.heads.test_fitting import LAYERS, WIDTH, Texts

CLASSES, RIGHT = 40, 0.6
"""So many labels; the names are right about so many texts."""


def texts(count: int, chance: np.random.Generator, among: int = CLASSES) -> tuple[np.ndarray, np.ndarray]:
    """The labels of texts, of the first so many labels, and what the names say of them."""
    gold = chance.integers(0, among, count)
    named = np.where(chance.random(count) < RIGHT, gold, chance.integers(0, CLASSES, count))
    return gold, np.eye(CLASSES)[named] * 3.0


def told(gold: np.ndarray, known: np.ndarray, pool: np.ndarray) -> float:
    return coverage.elsewhere(coverage.shares(pool), known, gold[:, None] == np.arange(CLASSES))


def test_labels_that_came_by_chance_tell_of_all() -> None:
    found = []
    for seed in range(40):
        chance = np.random.default_rng(seed)
        _, pool = texts(2000, chance)
        found.append(told(*texts(40, chance), pool))
    assert np.mean(found) < 0.08


def test_labels_of_the_first_lines_of_a_sorted_file_tell_of_those_alone() -> None:
    """Four of forty labels are given: nine tenths of the texts are of others."""
    for seed in range(10):
        chance = np.random.default_rng(seed)
        _, pool = texts(2000, chance)
        assert abs(told(*texts(40, chance, among=4), pool) - 0.9) < 0.12


def test_where_all_labels_were_given_there_is_nothing_else() -> None:
    chance = np.random.default_rng(0)
    _, pool = texts(500, chance)
    gold, known = np.arange(CLASSES), np.eye(CLASSES)
    assert told(gold, known, pool) == 0.0
    assert told(gold[:1], known[:1], pool) == 0.0, "a single label tells nothing of how they came"


def test_what_is_left_to_labels_without_an_example_grows_with_it() -> None:
    counts = np.array([20, 20, 0, 0, 0, 0])
    left = [np.exp(Counts(counts, share).likely(np.zeros((1, 6)))[0, 2:]).sum() for share in (0.0, 0.5, 1.0)]
    assert left[0] < 0.05 < left[1] < 0.6 < left[2] < 1.0
    for share in (0.0, 0.5, 1.0):
        assert np.isclose(np.exp(Counts(counts, share).likely(np.zeros((1, 6)))).sum(), 1.0)


def test_names_keep_their_say_where_texts_are_elsewhere() -> None:
    """On what is labelled the names may be as bad as they like: of the other texts nobody knows."""
    chance = np.random.default_rng(0)
    targets = chance.integers(0, 3, 60)
    good, bad = np.eye(3)[targets] * 4 + chance.normal(size=(60, 3)), chance.normal(size=(60, 3)) * 4
    here, there = expected(good, bad, targets.tolist(), 3), expected(good, bad, targets.tolist(), 3, elsewhere=0.9)
    assert there.share > 0.9 > here.share
    assert there.sharpness <= 1.0
    assert expected(good, bad, targets.tolist(), 3, elsewhere=0.1) == here
    assert there.share > fading(60, 3).share


def test_a_head_of_the_first_lines_leaves_the_other_classes_to_their_names() -> None:
    classes, labelled = 12, 24
    values = tuple(f"class {number}" for number in range(classes))
    options = tuple(Option(value=value) for value in values)
    question = Question(name="q", kind=Kind.CHOICE, inputs=("text",), options=options)
    texts = Texts(600, classes=classes)
    centres = np.random.default_rng(99).normal(size=(classes, WIDTH * (LAYERS + 1)))[:, :WIDTH]
    names = (centres / np.linalg.norm(centres, axis=1, keepdims=True)).astype(np.float32)
    standing, space = Standing(labels_of(question), {}, WIDTH, names), Space.of(texts.features, WIDTH)
    answers: list[object] = [values[number] for number in texts.classes]
    first = [place for place in range(600) if texts.classes[place] < 2][:labelled]
    seen = [one for place in first for one in texts.seen(range(place, place + 1), answers)]
    rest = [place for place in range(600) if texts.classes[place] >= 2]
    prior = standing.prior(kind_of(question), texts.features, texts.logits, labels_of(question))
    free = Unlabelled(space.rows(texts.features), prior)
    found = measure(Bench(question, standing, space, seen, free), 5.0)
    blind = measure(Bench(question, standing, space, seen), 5.0)

    def right(head: LinearHead) -> float:
        rows = head.values(list(texts.features[rest]), list(texts.logits[rest]))
        return float((np.stack(rows).argmax(axis=1) == texts.classes[rest]).mean())

    by_names = float((prior[rest].argmax(axis=1) == texts.classes[rest]).mean())
    assert right(found.head) > by_names - 0.05
    assert right(blind.head) < by_names - 0.2, "without texts nobody knows that there is more"
    again = files.load(found.head.dump())
    assert isinstance(again, LinearHead)
    assert again.counts.elsewhere == found.head.counts.elsewhere > 0.5
    # what a label costs is a fit without those texts: it goes by what was told of them
    followed = follow(Bench(question, standing, space, seen, pool=found.pool), found, 5.0)
    assert followed.head.counts.elsewhere == found.head.counts.elsewhere
    assert right(followed.head) > by_names - 0.05
